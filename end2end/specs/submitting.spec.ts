import { fillIn, newReference, open, status, story, submit } from '../support/applications.ts'
import { expect, test } from '../support/test.ts'

test('an application goes from the form to a finished valuation', async ({ page, eventually, accessible }) => {
  const reference = newReference('happy')
  await page.goto('/')
  await page.getByRole('main').getByRole('link', { name: 'New application' }).first().click()
  await expect(page.getByRole('heading', { level: 1, name: 'New application' })).toBeVisible()
  await accessible()

  await fillIn(page, { Reference: reference, 'Name or number': '999', Postcode: 'PO1 1CE' })
  await page.getByRole('button', { name: 'Submit application' }).click()

  await expect(page).toHaveURL(`/applications/${reference}`)
  await expect(page.getByText('Application submitted.')).toBeVisible()
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for valuation', patience))
  await accessible()

  await eventually((patience) => expect(status(page)).toHaveText('Valued', patience))
  await expect(page.getByRole('region', { name: 'Valuation' })).toContainText('£666,000')
  await expect(story(page).filter({ hasText: '£666,000' })).toHaveCount(1)
})

for (const { amount, decision, loanToValue } of [
  { amount: '400,000', decision: 'Approved', loanToValue: '60.07%' },
  { amount: '£550000', decision: 'Referred to an underwriter', loanToValue: '82.59%' },
  { amount: '650 000', decision: 'Declined', loanToValue: '97.60%' },
]) {
  test(`a loan of ${amount} on £666,000 ends as ${decision}`, async ({ page, eventually }) => {
    const reference = newReference('decided')
    await page.goto('/applications/new')
    await fillIn(page, {
      Reference: reference,
      Applicant: 'Ada Lovelace',
      'Name or number': '12',
      Postcode: 'PO1 1CE',
      'Loan amount': amount,
      'Estimated value': '700000',
      Term: '25',
    })
    await page.getByRole('button', { name: 'Submit application' }).click()
    await expect(page).toHaveURL(`/applications/${reference}`)
    await eventually((patience) => expect(status(page)).toHaveText(decision, patience))
    await expect(page.getByRole('region', { name: 'Loan-to-value' })).toContainText(loanToValue)
  })
}

test('invalid answers are explained in the summary and beside the field, and nothing typed is lost', async ({ page }) => {
  const typed = {
    Reference: 'no spaces please',
    Applicant: 'Grace Hopper',
    'Name or number': 'Rose Cottage',
    Postcode: 'nowhere',
    'Loan amount': 'lots',
    'Estimated value': '330,000',
    Term: '25',
  }
  await page.goto('/applications/new')
  await fillIn(page, typed)
  await page.getByRole('button', { name: 'Submit application' }).click()

  const summary = page.getByRole('alert', { name: 'There is a problem' })
  await expect(summary).toBeFocused()
  await expect(page).toHaveTitle(/^Error: New application/)
  await expect(summary.getByRole('link')).toHaveCount(3)
  for (const [label, answer] of Object.entries(typed)) {
    await expect(page.getByRole('main').getByLabel(label)).toHaveValue(answer)
  }
  const postcode = page.getByLabel('Postcode')
  await expect(postcode).toHaveAttribute('aria-invalid', 'true')
  await expect(postcode).toHaveAccessibleDescription(/Error: /)

  await summary.getByRole('link').nth(1).click()
  await expect(postcode).toBeFocused()
})

test('the same mistake in two fields is told with the label of each', async ({ page }) => {
  await page.goto('/applications/new')
  await fillIn(page, { 'Name or number': '1', Postcode: 'PO1 1CE', 'Loan amount': 'lots', 'Estimated value': 'lots' })
  await page.getByRole('button', { name: 'Submit application' }).click()
  const links = page.getByRole('alert', { name: 'There is a problem' }).getByRole('link')
  await expect(links).toHaveText([/^Loan amount: enter an amount/, /^Estimated value: enter an amount/])
})

test('an empty form lists what is missing', async ({ page }) => {
  await page.goto('/applications/new')
  await page.getByRole('button', { name: 'Submit application' }).click()
  const summary = page.getByRole('alert', { name: 'There is a problem' })
  await expect(summary.getByRole('listitem')).toHaveCount(2)
  await expect(summary).toContainText("Enter the property's name or number")
  await expect(summary).toContainText("Enter the property's postcode")
})

test('a postcode is accepted in any case and spacing and shown in its standard form', async ({ page }) => {
  const reference = newReference('postcode')
  await page.goto('/applications/new')
  await fillIn(page, { Reference: reference, 'Name or number': '7', Postcode: ' po11ce ' })
  await page.getByRole('button', { name: 'Submit application' }).click()
  await expect(page).toHaveURL(`/applications/${reference}`)
  await expect(page.getByRole('main')).toContainText('7, PO1 1CE')
})

test('a postcode is shown in its standard form even if another answer is invalid', async ({ page }) => {
  await page.goto('/applications/new')
  await fillIn(page, { Postcode: 'sw1a2aa' })
  await page.getByRole('button', { name: 'Submit application' }).click()
  await expect(page.getByRole('alert', { name: 'There is a problem' })).toBeVisible()
  await expect(page.getByLabel('Postcode')).toHaveValue('SW1A 2AA')
})

test('a reference that is already taken is refused and stays in the form', async ({ page, request }) => {
  const reference = await submit(request, 'taken', '1')
  await page.goto('/applications/new')
  await fillIn(page, { Reference: reference, 'Name or number': '2', Postcode: 'PO1 1CE' })
  await page.getByRole('button', { name: 'Submit application' }).click()
  await expect(page.getByRole('alert', { name: 'There is a problem' })).toContainText(`${reference} already exists`)
  await expect(page.getByLabel('Reference')).toHaveValue(reference)
  await expect(page.getByLabel('Name or number')).toHaveValue('2')
})

test('submitting the same application twice starts it once', async ({ page, request }) => {
  const reference = await submit(request, 'twice', '3')
  await page.goto('/applications/new')
  await fillIn(page, { Reference: reference, 'Name or number': '3', Postcode: 'po1 1ce' })
  await page.getByRole('button', { name: 'Submit application' }).click()
  await expect(page).toHaveURL(`/applications/${reference}`)
  await expect(page.getByText('nothing new was started')).toBeVisible()
})

test('a reference is generated if none is given', async ({ page }) => {
  await page.goto('/applications/new')
  await fillIn(page, { 'Name or number': '5', Postcode: 'PO1 1CE' })
  await page.getByRole('button', { name: 'Submit application' }).click()
  await expect(page).toHaveURL(/\/applications\/(?!new)[A-Za-z0-9_-]+$/)
})

test('an application submitted by the API appears like any other', async ({ page, request, eventually }) => {
  const reference = await submit(request, 'machine', '999')
  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Valued', patience))
})
