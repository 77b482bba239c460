// Every page, as it looks to different people: accessible, and no wider than the screen.
import type { Page } from '@playwright/test'
import { open, status, submit } from '../support/applications.ts'
import { expect, test } from '../support/test.ts'

const widths = [
  { width: 'wide', viewport: { width: 1440, height: 900 } },
  { width: 'narrow', viewport: { width: 360, height: 740 } },
]

async function fits(page: Page) {
  // Measured from outside the page, so that it works without script too.
  const width = await page.locator('html').evaluate((html) => html.scrollWidth)
  expect(width, `${page.url()} is no wider than the screen`).toBeLessThanOrEqual(page.viewportSize()!.width)
}

for (const colorScheme of ['light', 'dark'] as const) {
  for (const { width, viewport } of widths) {
    test.describe(`${colorScheme} and ${width}`, () => {
      test.use({ colorScheme, viewport })

      // The style sheet is the same without script: there each colour and each width is looked at once.
      const tag = (colorScheme === 'light') === (width === 'wide') ? '@with-script' : []
      test('every page is accessible and fits', { tag }, async ({ page, request, eventually, accessible }) => {
        test.slow()
        const waiting = await submit(request, 'pages', 'Failed response', { applicant: 'Ada', loanAmount: '250000' })
        const valued = await submit(request, 'pages', '999', { loanAmount: '480000', estimatedValue: '600000' })
        await open(page, waiting)
        await eventually((patience) => expect(status(page)).toHaveText('Waiting for manual valuation', patience))
        await page.reload()
        const manualValuation = await page.getByRole('link', { name: 'Value the property' }).getAttribute('href')
        await open(page, valued)
        await eventually((patience) => expect(status(page)).toHaveText('Approved', patience))
        for (const address of [
          '/',
          '/applications',
          '/applications?q=there-is-no-such-thing',
          '/applications/new',
          `/applications/${waiting}`,
          `/applications/${waiting}?tab=workflow`,
          `/applications/${valued}`,
          `/applications/${valued}?tab=workflow`,
          '/waiting',
          manualValuation!,
          '/no-such-page',
        ]) {
          await page.goto(address)
          await expect(page.getByRole('heading', { level: 1 })).toHaveCount(1)
          await accessible()
          await fits(page)
        }
      })
    })
  }
}

test('light or dark can be chosen, and the choice is kept', async ({ page }) => {
  await page.emulateMedia({ colorScheme: 'light' })
  await page.goto('/applications')
  const background = () => page.locator('body').evaluate((body) => getComputedStyle(body).backgroundColor)
  const light = await background()
  await page.getByRole('button', { name: /Switch to light/ }).click()
  await page.getByRole('button', { name: /Switch to dark/ }).click()
  await expect(page).toHaveURL('/applications')
  expect(await background()).not.toBe(light)
  await page.goto('/waiting')
  expect(await background()).not.toBe(light)
})

for (const address of ['/no-such-page', '/applications/no-such-application', '/manual-valuations/no-such-item']) {
  test(`${address} is answered with 404 in the look of all others`, async ({ page }) => {
    const answer = await page.goto(address)
    expect(answer?.status()).toBe(404)
    await expect(page.getByRole('heading', { level: 1, name: 'Page not found' })).toBeVisible()
    await expect(page.getByRole('navigation', { name: 'Main' })).toBeVisible()
  })
}
