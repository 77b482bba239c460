// From page to page, as fast as a person can: what a browser says of it in its console fails the test (see `watched`).
import { fillIn } from '../support/applications.ts'
import { expect, test } from '../support/test.ts'

// Where motion is not wanted there are no transitions that could go wrong.
test.use({ contextOptions: { reducedMotion: 'no-preference' } })

test('pages and forms that follow each other quickly leave no error in the console', { tag: '@with-script' }, async ({
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
    // Every other round waits for nothing but the page's first words.
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
  expect(transitions, 'there were transitions that could have gone wrong').toBeGreaterThan(20)
})
