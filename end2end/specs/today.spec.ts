import { submit } from '../support/applications.ts'
import { expect, test } from '../support/test.ts'

test('where everything stands leads to the lists behind it', async ({ page, request }) => {
  const reference = await submit(request, 'stands', 'No callback')
  await page.goto('/')
  const standing = page.getByRole('region', { name: 'Where everything stands' })
  await standing.getByText('Stages as a table').click()
  const row = standing.getByRole('row', { name: /^With the valuer/ })
  await row.getByRole('link').first().click()
  await expect(page).toHaveURL(/stage=with_valuer&age=hour$/)
  await expect(page.getByRole('row').filter({ hasText: reference })).toBeVisible()
  await expect(page.getByText(/^1–\d+ of \d+/)).toBeVisible()
  await page.getByRole('link', { name: /With the valuer, under an hour/ }).click()
  await expect(page).toHaveURL(/\/applications$/)
})

test('a list is filtered by days, and a day that is none is told', async ({ page, request }) => {
  const reference = await submit(request, 'days', '999')
  await page.goto(`/applications?q=${reference}`)
  await page.getByText('Dates', { exact: true }).click()
  await page.getByLabel('Submitted to').fill('2020-01-01')
  await page.getByRole('button', { name: 'Filter' }).click()
  await expect(page.getByText('No applications match.')).toBeVisible()
  await page.goto(`/applications?q=${reference}&submitted_from=2026-02-30`)
  await expect(page.getByText(/“2026-02-30” is not a date/)).toBeVisible()
  await expect(page.getByRole('row').filter({ hasText: reference })).toBeVisible()
})
