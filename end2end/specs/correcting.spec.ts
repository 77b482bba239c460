// Correcting a recorded answer, at a desk that holds answers back for a while.
import { newPostcode, open, status, story, submit } from '../support/applications.ts'
import { Desk } from '../support/desk.ts'
import { expect, test as base } from '../support/test.ts'

const test = base.extend<object, { desk: Desk }>({
  desk: [
    async ({}, use, worker) => {
      const desk = await Desk.start(`correcting-${worker.workerIndex}`, { 'correction-time': '20s' })
      await use(desk)
      await desk.stop()
    },
    { scope: 'worker' },
  ],
})

test('a recorded answer can be corrected with a reason until the workflow has it', async ({
  page,
  request,
  eventually,
  accessible,
}) => {
  test.slow()
  const property = { nameOrNumber: 'Failed response', postcode: newPostcode() }
  const reference = await submit(request, 'corrected', '', { property, loanAmount: '250000' })
  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for manual valuation', patience))
  await page.reload()
  await page.getByRole('main').getByRole('link', { name: 'Value the property' }).click()
  await page.getByLabel('Value', { exact: true }).fill('5,000,000')
  await page.getByLabel('Desktop').check()
  await page.getByLabel('Your name').fill('Grace Hopper')
  await page.getByRole('button', { name: 'Record answer' }).click()
  await expect(page.getByText('until then, the answer can be corrected.')).toBeVisible()

  await page.getByRole('link', { name: `Correct ${reference}` }).click()
  await expect(page.getByText('it can still be corrected')).toBeVisible()
  await expect(page.getByLabel('Value', { exact: true })).toHaveValue('5,000,000')
  await accessible()
  await page.getByLabel('Value', { exact: true }).fill('400,000')
  await page.getByLabel('Why is it corrected?').fill('One nought too many')
  await page.getByRole('button', { name: 'Record correction' }).click()
  await expect(page.getByText(`Answer for ${reference} corrected.`)).toBeVisible()

  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Approved', patience))
  await expect(page.getByRole('region', { name: 'Loan-to-value' })).toContainText('62.50%')
  await expect(story(page).filter({ hasText: 'Grace Hopper valued the property at £5,000,000' })).toHaveCount(1)
  await expect(story(page).filter({ hasText: 'Reason: One nought too many' })).toHaveCount(1)
})
