// Fast navigation between pages. An error in the browser's console fails the test (see `watched`).
import { fillIn } from '../support/applications.ts'
import { expect, test } from '../support/test.ts'

// With reduced motion there are no transitions to test.
test.use({ contextOptions: { reducedMotion: 'no-preference' } })

test('fast navigation through pages and forms leaves no error in the console', { tag: '@with-script' }, async ({
  page,
}) => {
  test.slow()
  let transitions = 0
  await page.exposeFunction('revealed', (transition: boolean) => (transitions += Number(transition)))
  await page.addInitScript(() => {
    addEventListener('pagereveal', (event) =>
      (window as unknown as { revealed: (transition: boolean) => void }).revealed(
        !!(event as Event & { viewTransition?: object }).viewTransition,
      ),
    )
  })
  const main = page.getByRole('navigation', { name: 'Main' })
  for (let round = 0; round < 20; round++) {
    // Every other round waits only until the navigation is committed.
    const waitUntil = round % 2 === 0 ? 'commit' : 'load'
    await page.goto('/applications/new', { waitUntil })
    await fillIn(page, { 'Name or number': '999', Postcode: 'PO1 1CE' })
    await page.getByRole('button', { name: 'Submit application' }).click({ noWaitAfter: true })
    await page.waitForURL(/\/applications\/(?!new)/, { waitUntil })
    for (const [name, path] of [['Today', '/'], ['Applications', '/applications'], ['Waiting', '/waiting']] as const) {
      await main.getByRole('link', { name }).first().click({ noWaitAfter: true })
      await page.waitForURL((url) => url.pathname === path, { waitUntil })
    }
    await page.waitForLoadState('load')
  }
  expect(transitions, 'the test has seen transitions').toBeGreaterThan(20)
})
