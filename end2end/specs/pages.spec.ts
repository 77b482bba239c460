// Every page is accessible and fits the screen, in all themes and screen sizes.
import type { Page } from '@playwright/test'
import { newReference, open, status, submit } from '../support/applications.ts'
import { expect, test } from '../support/test.ts'

const widths = [
  { width: 'wide', viewport: { width: 1440, height: 900 } },
  { width: 'narrow', viewport: { width: 360, height: 740 } },
]

async function fits(page: Page) {
  // Measured from outside the page, so that it also works without script.
  const width = await page.locator('html').evaluate((html) => html.scrollWidth)
  expect(width, `${page.url()} is no wider than the screen`).toBeLessThanOrEqual(page.viewportSize()!.width)
}

for (const colorScheme of ['light', 'dark'] as const) {
  for (const { width, viewport } of widths) {
    test.describe(`${colorScheme} and ${width}`, () => {
      test.use({ colorScheme, viewport })

      // The style sheet is the same without script, so each theme and each width is checked only once there.
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
          '/workflows',
          '/workflows/loan-processing',
          `/workflows/loan-processing/executions/${waiting}`,
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

test('the theme can be chosen, and the choice is kept', async ({ page }) => {
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
  test(`${address} is a 404 in the desk's layout`, async ({ page }) => {
    const answer = await page.goto(address)
    expect(answer?.status()).toBe(404)
    await expect(page.getByRole('heading', { level: 1, name: 'Page not found' })).toBeVisible()
    await expect(page.getByRole('navigation', { name: 'Main' })).toBeVisible()
  })
}

test('the list of applications fits the smallest screens, and targets are large enough', async ({ page, request }) => {
  const longest = `${newReference('longest')}-`.padEnd(80, 'X')
  const answer = await request.post('/api/applications', {
    data: {
      applicationReference: longest,
      property: { nameOrNumber: 'Failed response', postcode: 'PO1 1CE' },
      applicant: 'Augusta Ada King, Countess of Lovelace',
      loanAmount: '250000',
    },
  })
  expect(answer.status()).toBe(201)
  for (const width of [320, 375, 700, 1280]) {
    await page.setViewportSize({ width, height: 800 })
    await page.goto(`/applications?q=${longest}`)
    await fits(page)
    const scrolls = await page.locator('.scroll').evaluate((scroll) => scroll.scrollWidth - scroll.clientWidth)
    expect(scrolls, `no column is cut off at ${width}`).toBeLessThanOrEqual(0)
    const menu = page.getByText('Sort by', { exact: true })
    if (width > 1100) await expect(menu).toBeHidden()
    else await menu.click()
    await tall(page)
  }
  // Sort by a column that this screen does not show.
  await page.setViewportSize({ width: 375, height: 800 })
  await page.goto('/applications')
  await page.getByText('Sort by', { exact: true }).click()
  await page.getByRole('navigation', { name: 'Sort by' }).getByRole('link', { name: 'Amount' }).click()
  await expect(page).toHaveURL(/sort=-amount/)
  for (const address of ['/waiting', `/applications/${longest}?tab=workflow`]) {
    await page.goto(address)
    await tall(page)
  }
})

/** Checks that targets are at least 24 px high, except for links within a sentence. */
async function tall(page: Page) {
  for (const target of await page.locator('main :is(a, summary, button):not(p a, dd a, svg a):visible').all()) {
    const box = await target.boundingBox()
    expect(box?.height, await target.innerText()).toBeGreaterThanOrEqual(24)
  }
}
