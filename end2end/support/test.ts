// The `test` that all specs use. It provides a desk, and fails if a page logs an error, throws, or violates an
// accessibility rule.
import { AxeBuilder } from '@axe-core/playwright'
import { expect, test as base, type Page } from '@playwright/test'
import { Desk } from './desk.ts'

/** In milliseconds. Longer than the desk's valuation timeout and the valuer's late answer together. */
const PATIENCE = 30_000

/** Waits until a check passes. */
export type Eventually = (check: Check) => Promise<void>
type Check = (patience: { timeout: number }) => Promise<void>
type TestFixtures = {
  watched: void
  accessible: () => Promise<void>
  eventually: Eventually
}
type WorkerFixtures = { desk: Desk }

export const test = base.extend<TestFixtures, WorkerFixtures>({
  desk: [
    async ({}, use, worker) => {
      const desk = await Desk.start(`desk-${worker.workerIndex}`)
      await use(desk)
      await desk.stop()
    },
    { scope: 'worker' },
  ],

  baseURL: ({ desk }, use) => use(desk.url),

  /** Checks the current page. The page at the end of a test is always checked. */
  accessible: ({ page, browser, javaScriptEnabled, colorScheme, viewport }, use) =>
    use(async () => {
      if (javaScriptEnabled) return expectAccessible(page)
      // axe is itself a script, so it checks a copy of the page with scripts enabled but the page's own scripts
      // blocked.
      const context = await browser.newContext({ colorScheme, viewport, javaScriptEnabled: true })
      const copy = await context.newPage()
      const body = await page.content()
      await copy.route('**/*.js', (route) => route.abort())
      await copy.route(page.url(), (route) => route.fulfill({ body, contentType: 'text/html' }))
      await copy.goto(page.url())
      await expectAccessible(copy)
      await context.close()
    }),

  /**
   * Waits until `check` passes. With script, the page must update itself without a reload. Without script, the page is
   * reloaded.
   */
  eventually: ({ page, javaScriptEnabled }, use) =>
    use(async (check) => {
      if (javaScriptEnabled) {
        const mark = () => ((window as { notLoadedAgain?: boolean }).notLoadedAgain = true)
        await page.evaluate(mark)
        await check({ timeout: PATIENCE })
        const stillThere = await page.evaluate(() => (window as { notLoadedAgain?: boolean }).notLoadedAgain)
        expect(stillThere, 'the page was not loaded again').toBe(true)
        return
      }
      await expect(async () => {
        await page.reload()
        await check({ timeout: 500 })
      }).toPass({ timeout: PATIENCE, intervals: [300] })
    }),

  watched: [
    async ({ page, accessible }, use) => {
      const problems: string[] = []
      page.on('console', (message) => {
        // Some tests expect a 404 or 422. Errors logged by the page itself always fail the test.
        const expected = /^Failed to load resource: .* status of 4\d\d/.test(message.text())
        if (message.type() === 'error' && !expected) problems.push(`${page.url()}: ${message.text()}`)
      })
      page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`))
      await use()
      if (page.url() !== 'about:blank') await accessible()
      expect(problems, 'errors in the console').toEqual([])
    },
    { auto: true },
  ],
})

export { expect }

async function expectAccessible(page: Page) {
  // After following a link, the style sheet may still be loading.
  await page.waitForLoadState('load')
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    .analyze()
  const found = violations.map(({ id, help, nodes }) => ({ id, help, at: nodes.map((node) => node.html.slice(0, 300)) }))
  expect(found, `accessibility of ${page.url()}`).toEqual([])
}
