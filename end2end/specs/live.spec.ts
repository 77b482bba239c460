// Live updates of open pages.
import { open, status, submit } from '../support/applications.ts'
import { expect, test } from '../support/test.ts'

test('a page reports a lost connection and updates itself once the desk is back', { tag: '@with-script' }, async ({
  page,
  request,
  desk,
}) => {
  const reference = await submit(request, 'cut-off', 'Failed response')
  await open(page, reference)
  const freshness = page.locator('.live')
  await expect(freshness).toHaveText(/^Updated \d\d:\d\d:\d\d$/)
  await expect(status(page)).toHaveText('Waiting for manual valuation')
  // The browser, not the page, logs refused connections.
  page.removeAllListeners('console')
  await desk.kill()
  try {
    await expect(freshness).toHaveText('Reconnecting…')
  } finally {
    await desk.startAgain()
  }
  const news = await submit(request, 'cut-off', '999')
  await expect(freshness).toHaveText(/^Updated \d\d:\d\d:\d\d$/)
  await page.goto('/applications')
  await expect(page.getByRole('row').filter({ hasText: news })).toContainText('Valued')
})

test('the figures on the Today page count new events', async ({ page, request, eventually }) => {
  await page.goto('/')
  const figure = (term: string) =>
    page.getByRole('region', { name: 'Figures' }).locator('.figure-card', { hasText: term }).locator('.figure')
  const [submitted, decided] = [Number(await figure('Submitted today').innerText()), Number(await figure('Decided today').innerText())]
  await submit(request, 'counted', '999', { loanAmount: '150000.00' })
  await eventually(async (patience) => {
    await expect.poll(async () => Number(await figure('Submitted today').innerText()), patience).toBeGreaterThan(submitted)
    await expect.poll(async () => Number(await figure('Decided today').innerText()), patience).toBeGreaterThan(decided)
  })
  await expect(page.getByRole('img', { name: /^Submitted today, by day: .+: \d+, / })).toBeVisible()
})

test('a deadline that passes while the page is open is marked as overdue', { tag: '@with-script' }, async ({
  page,
  request,
  eventually,
}) => {
  const reference = await submit(request, 'overdue', 'Failed response')
  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for manual valuation', patience))
  await page.clock.install()
  await page.goto('/waiting')
  const deadline = page.getByRole('row').filter({ hasText: reference }).locator('.deadline')
  await expect(deadline.getByText(/^in /)).toBeVisible()
  await expect(deadline.getByText('Due', { exact: true })).toBeHidden()
  await page.clock.fastForward('02:00:00')
  await expect(deadline.getByText('Due', { exact: true })).toBeVisible()
  await expect(deadline.getByText(/ ago$/)).toBeVisible()
})
