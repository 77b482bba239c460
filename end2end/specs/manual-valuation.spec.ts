import type { Page } from '@playwright/test'
import { open, status, story, submit } from '../support/applications.ts'
import { seconds } from '../support/desk.ts'
import { expect, test } from '../support/test.ts'

/** Opens the manual valuation page of an application whose valuer gave no value. */
async function openManualValuation(page: Page, reference: string) {
  await page.getByRole('main').getByRole('link', { name: 'Value the property' }).click()
  await expect(page.getByRole('heading', { level: 1, name: `Manual valuation for ${reference}` })).toBeVisible()
}

async function giveValue(page: Page, value: string, name: string) {
  await page.getByLabel('Yes, here is the value').check()
  await page.getByLabel('Value', { exact: true }).fill(value)
  await page.getByLabel('Date of the valuation').fill('2026-01-15')
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
  await expect(page.getByLabel('Date of the valuation')).toHaveValue('2026-01-15')
  await expect(page.getByLabel('Desktop')).toBeChecked()
  await expect(page.getByLabel('Comment')).toHaveValue('Compared with three sales in the street')
})

test('pressing the button twice records the answer once and confirms it', async ({ page, request, eventually }) => {
  const reference = await submit(request, 'pressed-twice', 'Failed response')
  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for manual valuation', patience))
  await page.reload()
  await openManualValuation(page, reference)
  const form = { outcome: 'value', value: '500000', valued_on: '2026-01-15', basis: 'desktop', name: 'Grace Hopper' }
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
