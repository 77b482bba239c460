import type { APIRequestContext, Page } from '@playwright/test'
import { leaveAnyway, newPostcode, open, status, story, submit } from '../support/applications.ts'
import { seconds } from '../support/desk.ts'
import { type Eventually, expect, test } from '../support/test.ts'

/** A day that is recent enough for a valuation, as a date field has it. */
const valuedOn = new Date(Date.now() - 10 * 24 * 60 * 60 * 1000).toISOString().slice(0, 10)

/** Opens the manual valuation page of an application whose valuer gave no value. */
async function openManualValuation(page: Page, reference: string) {
  await page.getByRole('main').getByRole('link', { name: 'Value the property' }).click()
  await expect(page.getByRole('heading', { level: 1, name: `Manual valuation for ${reference}` })).toBeVisible()
}

async function giveValue(page: Page, value: string, name: string) {
  await page.getByLabel('Yes, here is the value').check()
  await page.getByLabel('Value', { exact: true }).fill(value)
  await page.getByLabel('Date of the valuation').fill(valuedOn)
  await page.getByLabel('Desktop').check()
  await page.getByLabel('Comment').fill('Compared with three sales in the street')
  await page.getByLabel('Your name').fill(name)
  await page.getByRole('button', { name: 'Record answer' }).click()
}

test('if the valuer never calls back, a person gives the value and the workflow continues', async ({
  page,
  request,
  eventually,
  accessible,
}) => {
  const reference = await submit(request, 'lapsed', 'No callback', { loanAmount: '250000' })
  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for valuation', patience))
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for manual valuation', patience))
  await expect(page.getByRole('main').getByRole('link', { name: 'Value the property' })).toBeVisible()

  await page.goto('/waiting')
  await accessible()
  await page.getByRole('link', { name: `Value it for ${reference}` }).click()
  await expect(page.getByRole('heading', { level: 1, name: `Manual valuation for ${reference}` })).toBeVisible()
  await expect(page.getByRole('main')).toContainText(`did not answer within ${seconds.valuationTimeout} seconds`)
  await accessible()
  await giveValue(page, '500,000', 'Grace Hopper')

  await expect(page).toHaveURL('/waiting')
  await expect(page.getByText(`Valuation of £500,000 recorded for ${reference}.`)).toBeVisible()
  await expect(page.getByRole('link', { name: `Value it for ${reference}` })).toHaveCount(0)

  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Approved', patience))
  await expect(page.getByRole('region', { name: 'Loan-to-value' })).toContainText('50.00%')
  const valuation = page.getByRole('region', { name: 'Valuation' })
  await expect(valuation).toContainText('£500,000')
  await expect(valuation).toContainText('Grace Hopper')
  await expect(story(page).filter({ hasText: 'Grace Hopper' })).toHaveCount(1)
})

test("an application whose property can't be valued is declined with the reason", async ({ page, request, eventually }) => {
  const reference = await submit(request, 'unvaluable', 'Failed response', { loanAmount: '250000' })
  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for manual valuation', patience))
  await page.reload()
  await openManualValuation(page, reference)
  await page.getByLabel("No, it can't be valued").check()
  await page.getByLabel("Why can't it be valued?").fill('The building has been demolished')
  await page.getByLabel('Your name').fill('Alan Turing')
  await page.getByRole('button', { name: 'Record answer' }).click()
  await expect(page.getByText(`Recorded that the property of ${reference} cannot be valued.`)).toBeVisible()

  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Declined', patience))
  await expect(page.getByRole('main')).toContainText('The building has been demolished')
  await expect(story(page).filter({ hasText: 'Alan Turing' })).toHaveCount(1)
})

test('an incomplete answer is explained, and nothing typed is lost', async ({ page, request, eventually }) => {
  const reference = await submit(request, 'incomplete', 'Failed response')
  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for manual valuation', patience))
  await page.reload()
  await openManualValuation(page, reference)
  await giveValue(page, 'about half a million', '')

  const summary = page.getByRole('alert', { name: 'There is a problem' })
  await expect(summary).toBeFocused()
  await expect(summary.getByRole('link')).toHaveText([/^Enter an amount in pounds/, 'Enter your name'])
  await expect(page.getByLabel('Yes, here is the value')).toBeChecked()
  await expect(page.getByLabel('Value', { exact: true })).toHaveValue('about half a million')
  await expect(page.getByLabel('Date of the valuation')).toHaveValue(valuedOn)
  await expect(page.getByLabel('Desktop')).toBeChecked()
  await expect(page.getByLabel('Comment')).toHaveValue('Compared with three sales in the street')
})

test('pressing the button twice records the answer once and confirms it', async ({ page, request, eventually }) => {
  const reference = await submit(request, 'pressed-twice', 'Failed response')
  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for manual valuation', patience))
  await page.reload()
  await openManualValuation(page, reference)
  const form = { outcome: 'value', value: '500000', valued_on: valuedOn, basis: 'desktop', name: 'Grace Hopper' }
  const send = async () => {
    const id = page.url().split('/').pop()!
    const answer = await page.request.post('/desk/answer-manual-valuation', { form: { ...form, id }, maxRedirects: 0 })
    return answer.headers().location
  }
  expect([await send(), await send()]).toEqual(['/waiting', '/waiting'])
  await page.goto('/waiting')
  await expect(page.getByText(`Valuation of £500,000 recorded for ${reference}.`)).toBeVisible()
})

test('a valuer sees the story so far and earlier valuations of the property', async ({
  page,
  request,
  eventually,
}) => {
  const property = { nameOrNumber: `Failed response`, postcode: `SW1A ${Date.now() % 9}AA` }
  const before = await submit(request, 'valued-before', '', { property })
  await open(page, before)
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for manual valuation', patience))
  await page.reload()
  await openManualValuation(page, before)
  await expect(page.getByRole('listitem').filter({ hasText: 'the valuation failed' })).toBeVisible()
  await giveValue(page, '512,000', 'Grace Hopper')
  await expect(page).toHaveURL('/waiting')

  const reference = await submit(request, 'valued-before', '', { property })
  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for manual valuation', patience))
  await page.reload()
  await openManualValuation(page, reference)
  const earlier = page.getByRole('listitem').filter({ has: page.getByRole('link', { name: before }) })
  await expect(earlier).toContainText('£512,000 by Grace Hopper')
})

test('the second of two people learns that the first has answered, and sees what they had typed themselves', async ({
  page,
  context,
  request,
  eventually,
}) => {
  const reference = await submit(request, 'twice', 'Failed response', { loanAmount: '250000' })
  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for manual valuation', patience))
  await page.reload()
  await openManualValuation(page, reference)
  const second = await context.newPage()
  // The page has not received the first answer when the second one is sent.
  await second.route('**/events', (route) => route.abort())
  await second.goto(page.url())
  await giveValue(page, '500000', 'Grace Hopper')
  await expect(page).toHaveURL('/waiting')

  await giveValue(second, '400000', 'Alan Turing')
  const main = second.getByRole('main')
  await expect(main).toContainText('Grace Hopper answered this on')
  await expect(main.getByRole('alert')).toContainText('400000')

  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Approved', patience))
  await expect(page.getByRole('region', { name: 'Valuation' })).toContainText('£500,000')
})

test('a form closes when somebody else answers, and keeps what was typed', {
  tag: '@with-script',
}, async ({ page, context, request, eventually }) => {
  const reference = await submit(request, 'overtaken', 'Failed response')
  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for manual valuation', patience))
  await page.reload()
  await openManualValuation(page, reference)
  await page.getByLabel('Comment').fill('Half a sentence')
  const other = await context.newPage()
  await other.goto(page.url())
  await giveValue(other, '500000', 'Grace Hopper')
  await expect(other).toHaveURL('/waiting')

  const button = page.getByRole('button', { name: 'Record answer' })
  await eventually((patience) => expect(page.getByText('Grace Hopper answered this on')).toBeVisible(patience))
  await expect(button).toBeDisabled()
  await expect(page.getByText('This form is closed.')).toBeVisible()
  await expect(page.getByLabel('Comment')).toHaveValue('Half a sentence')
  await page.getByLabel('Your name').press('Enter')
  await expect(page.getByRole('heading', { level: 1, name: `Manual valuation for ${reference}` })).toBeVisible()
})

/** Submits an application whose valuer gives no value, and opens its manual valuation. */
async function waitingForAPerson(page: Page, request: APIRequestContext, eventually: Eventually, topic: string) {
  const property = { nameOrNumber: 'Failed response', postcode: newPostcode() }
  const amounts = { loanAmount: '350000', estimatedValue: '500000' }
  const reference = await submit(request, topic, '', { property, ...amounts })
  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for manual valuation', patience))
  await page.reload()
  await openManualValuation(page, reference)
  return reference
}

test('an unusual value is asked about on the page, with both figures, before it is recorded', async ({
  page,
  request,
  eventually,
  accessible,
}) => {
  const reference = await waitingForAPerson(page, request, eventually, 'unusual')
  await giveValue(page, '5,000,000', 'Grace Hopper')
  await expect(page.locator('#preview')).toBeFocused()
  const question = page.getByText('£5,000,000 is ten times the estimate of £500,000. Is that right?')
  await expect(question).toBeVisible()
  await expect(page.getByRole('button', { name: 'Record answer' })).toBeHidden()
  await accessible()

  // Another value is asked about again.
  await page.getByLabel('Value', { exact: true }).fill('1')
  await page.getByRole('button', { name: 'Check' }).click()
  await expect(page.getByRole('button', { name: /^Record £1,/ })).toBeVisible()
  await expect(page.getByText('£1 is less than 1% of the estimate of £500,000. Is that right?')).toBeVisible()
  await page.getByRole('button', { name: 'Record £1, less than 1% of the estimate' }).click()
  await expect(page.getByText(`Valuation of £1 recorded for ${reference}.`)).toBeVisible()
  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Declined', patience))
})

test('the effect of a value is shown after Check', async ({ page, request, eventually, accessible }) => {
  await waitingForAPerson(page, request, eventually, 'checked')
  await page.getByLabel('Value', { exact: true }).fill('560000')
  await page.getByRole('button', { name: 'Check' }).click()
  // With script, the effect is already shown before the desk answers.
  await expect(page.locator('#preview')).toBeFocused()
  await expect(page.getByText('Loan-to-value will be 62.50%: approved')).toBeVisible()
  await expect(page.getByLabel('Value', { exact: true })).toHaveValue('560000')
  await accessible()
})

test('Enter asks about an unusual value again and never confirms it', async ({ page, request, eventually }) => {
  leaveAnyway(page)
  const reference = await waitingForAPerson(page, request, eventually, 'enter')
  await giveValue(page, '5,000,000', 'Grace Hopper')
  await page.getByLabel('Value', { exact: true }).press('Enter')
  await expect(page.getByText('£5,000,000 is ten times the estimate')).toBeVisible()
  await page.getByLabel('Value', { exact: true }).press('Enter')
  await expect(page.getByText('£5,000,000 is ten times the estimate')).toBeVisible()
  await open(page, reference)
  await expect(status(page)).toHaveText('Waiting for manual valuation')
})

test('the effect of a value is shown while it is typed', { tag: '@with-script' }, async ({
  page,
  request,
  eventually,
  accessible,
}) => {
  await waitingForAPerson(page, request, eventually, 'live')
  await expect(page.locator('.live')).toHaveText(/^Updated/)
  const value = page.getByLabel('Value', { exact: true })
  const effect = page.locator('.effect')
  await value.fill('560000')
  await expect(effect).toHaveText('Loan-to-value will be 62.50%: approved')
  await value.fill('£420,000')
  await expect(effect).toHaveText('Loan-to-value will be 83.34%: referred to an underwriter')
  await value.fill('4,200,000')
  await expect(effect).toHaveText('Loan-to-value will be 8.34%: approved')
  await expect(page.locator('.question')).toHaveText('£4,200,000 is 8.4 times the estimate of £500,000. Is that right?')
  await accessible()
  await value.fill('lots')
  await expect(effect).toHaveText('Enter a value to see its effect')
  await expect(page.locator('.question')).toBeHidden()
})

test('the button that confirms a value disappears when the value changes', { tag: '@with-script' }, async ({
  page,
  request,
  eventually,
}) => {
  await waitingForAPerson(page, request, eventually, 'changed')
  await giveValue(page, '5,000,000', 'Grace Hopper')
  const confirm = page.getByRole('button', { name: 'Record £5,000,000, ten times the estimate' })
  await expect(confirm).toBeVisible()
  await page.getByLabel('Value', { exact: true }).fill('500,000')
  await expect(confirm).toBeHidden()
  await expect(page.getByRole('button', { name: 'Record answer' })).toBeVisible()
  await page.getByLabel('Value', { exact: true }).fill('5000000')
  await expect(confirm).toBeVisible()
})

test('a late answer can be used', async ({ page, request, eventually, accessible }) => {
  const property = { nameOrNumber: 'Late callback', postcode: newPostcode() }
  const reference = await submit(request, 'late', '', { property })
  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for manual valuation', patience))
  await page.reload()
  await openManualValuation(page, reference)
  const use = page.getByRole('button', { name: 'Use £666,000' })
  await eventually((patience) => expect(use).toBeVisible(patience))
  await accessible()
  await use.click()
  await expect(page.getByLabel('Value', { exact: true })).toHaveValue('666,000')
  await expect(page.getByLabel('Comment')).toHaveValue('Late answer of the valuation service')
  await page.getByLabel('Desktop').check()
  await page.getByLabel('Your name').fill('Grace Hopper')
  await page.getByRole('button', { name: 'Record answer' }).click()
  await expect(page.getByText(`Valuation of £666,000 recorded for ${reference}.`)).toBeVisible()
})

test('Save and next leads straight to the next item', async ({ page, request, eventually, accessible }) => {
  const property = { nameOrNumber: 'Failed response', postcode: newPostcode() }
  const [first, second] = [await submit(request, 'next', '', { property }), await submit(request, 'next', '', { property })]
  await open(page, second)
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for manual valuation', patience))
  await open(page, first)
  await page.reload()
  await openManualValuation(page, first)
  await page.getByLabel('Value', { exact: true }).fill('500,000')
  await page.getByLabel('Desktop').check()
  await page.getByLabel('Your name').fill('Grace Hopper')
  await page.getByRole('button', { name: 'Save and next' }).click()
  await expect(page.getByText(`Valuation of £500,000 recorded for ${first}.`)).toBeVisible()
  // Other tests may have left items that are due sooner.
  const heading = page.getByRole('heading', { level: 1, name: /^Manual valuation for / })
  await expect(heading).toBeVisible()
  await expect(heading).not.toHaveText(`Manual valuation for ${first}`)
  await expect(page.getByLabel('Value', { exact: true })).toHaveValue('')
  await accessible()
})
