// Everything can be done with the keyboard alone.
import { newReference, open, status, submit } from '../support/applications.ts'
import { expect, test } from '../support/test.ts'

test('the first tab stop skips to the main content', async ({ page }) => {
  await page.goto('/applications')
  await page.keyboard.press('Tab')
  await expect(page.getByRole('link', { name: 'Skip to main content' })).toBeFocused()
  await page.keyboard.press('Enter')
  await page.keyboard.press('Tab')
  await expect(page.getByRole('main').locator(':focus')).toHaveCount(1)
})

test('slash focuses the search field', { tag: '@with-script' }, async ({ page }) => {
  await page.goto('/applications/new')
  await expect(async () => {
    await page.keyboard.press('/')
    await expect(page.getByRole('search').getByRole('searchbox')).toBeFocused({ timeout: 200 })
  }).toPass()
  await expect(page.getByRole('search').getByRole('searchbox')).toHaveValue('')
})

test('slash types a slash in a field', { tag: '@with-script' }, async ({ page }) => {
  await page.goto('/applications/new')
  const property = page.getByLabel('Name or number')
  await property.focus()
  await page.keyboard.type('Flat 2/1')
  await expect(property).toHaveValue('Flat 2/1')
})

test('an application can be submitted', async ({ page }) => {
  const reference = newReference('keyboard')
  await page.goto('/applications/new')
  const stops = [reference, 'Ada Lovelace', '999', 'PO1 1CE']
  await page.getByLabel('Reference').focus()
  for (const answer of stops) {
    await page.keyboard.type(answer)
    await page.keyboard.press('Tab')
  }
  await expect(page.getByLabel('Loan amount')).toBeFocused()
  for (let stop = 0; stop < 3; stop++) await page.keyboard.press('Tab')
  await expect(page.getByRole('button', { name: 'Submit application' })).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(`/applications/${reference}`)
})

test('a manual valuation can be found and answered', async ({ page, request, eventually }) => {
  const reference = await submit(request, 'keyboard', 'Failed response', { loanAmount: '250000' })
  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for manual valuation', patience))
  await page.reload()
  await page.getByRole('main').getByRole('link', { name: 'Value the property' }).press('Enter')
  await expect(page.getByRole('heading', { level: 1, name: `Manual valuation for ${reference}` })).toBeVisible()
  await page.getByLabel('Yes, here is the value').focus()
  await page.keyboard.press('Space')
  await page.keyboard.press('Tab')
  await expect(page.getByLabel('Value', { exact: true })).toBeFocused()
  await page.keyboard.type('500000')
  await page.getByLabel('Desktop').focus()
  await page.keyboard.press('Space')
  await page.getByLabel('Your name').focus()
  await page.keyboard.type('Grace Hopper')
  await page.keyboard.press('Enter')
  await expect(page.getByText(`Valuation of £500,000 recorded for ${reference}.`)).toBeVisible()
})
