// The page of what waits: its rows stay where they are while the page is open.
import type { Page } from '@playwright/test'
import { open, status, submit } from '../support/applications.ts'
import { expect, test } from '../support/test.ts'

/** Submits an application, and waits until staff have to value its property. */
async function submitForStaff(page: Page, request: Parameters<typeof submit>[0], topic: string): Promise<string> {
  const reference = await submit(request, topic, 'Failed response')
  await expect(async () => {
    await open(page, reference)
    await expect(status(page)).toHaveText('Waiting for manual valuation', { timeout: 300 })
  }).toPass()
  return reference
}

test('the row under the pointer does not move when tasks come and go', { tag: '@with-script' }, async ({
  page,
  context,
  request,
}) => {
  const first = await submitForStaff(page, request, 'still')
  const second = await submitForStaff(page, request, 'still')
  await page.goto('/waiting')
  await expect(page.locator('.live')).toHaveText(/^Updated/)
  const action = page.getByRole('link', { name: `Value it for ${second}` })
  await action.hover()
  await action.focus()
  const before = await action.boundingBox()
  // Automatic valuations come, and are answered two seconds later. Their deadlines are sooner than those of staff.
  for (let i = 0; i < 3; i++) await submit(request, 'still-machine', '999')
  // Another page answers the task above, and another task for staff comes.
  const other = await context.newPage()
  await other.goto('/waiting')
  await other.getByRole('link', { name: `Value it for ${first}` }).click()
  await other.getByLabel('Yes, here is the value').check()
  await other.getByLabel('Value', { exact: true }).fill('500000')
  await other.getByLabel('Desktop').check()
  await other.getByLabel('Your name').fill('Grace Hopper')
  await other.getByRole('button', { name: 'Record answer' }).click()
  await expect(other).toHaveURL(/^[^?]*\/waiting/)
  await submitForStaff(other, request, 'still')
  await page.bringToFront()

  await expect(page.getByRole('row').filter({ hasText: first })).toContainText('Grace Hopper: £500,000')
  await expect(page.getByRole('link', { name: '1 new task: show it' })).toBeVisible()
  expect(await action.boundingBox(), 'the row is where it was').toEqual(before)
  await expect(action).toBeFocused()

  await page.getByRole('link', { name: '1 new task: show it' }).click()
  await expect(page.getByRole('row').filter({ hasText: first })).toHaveCount(0)
})

test('the tabs say how much waits on whom, and keep counting', { tag: '@with-script' }, async ({ page, request }) => {
  await page.goto('/waiting')
  const tab = page.getByRole('navigation', { name: 'Whom it waits on' }).getByRole('link', { name: /valuation service/ })
  const reference = await submit(request, 'counting', 'No callback')
  await expect(tab).toHaveText(/Waiting on the valuation service [1-9]/)
  await tab.click()
  await expect(page).toHaveURL('/waiting?on=valuation_service')
  await expect(page.getByRole('row').filter({ hasText: reference })).toBeVisible()
  // It stays until the page is loaded again.
  await expect(page.getByRole('row').filter({ hasText: reference })).toContainText('Not answered in time')
})
