// Nothing that is typed into a form is lost.
import type { Page } from '@playwright/test'
import { fillIn, leaveAnyway, newReference, open, status, submit } from '../support/applications.ts'
import { expect, test } from '../support/test.ts'

const typed = {
  Applicant: 'Grace Hopper',
  'Name or number': 'Rose Cottage',
  Postcode: 'PO1 1CE',
  'Loan amount': '250,000',
}

async function typeAnApplication(page: Page) {
  await page.goto('/applications/new')
  await expect(page.locator('.live')).toHaveText(/^Updated/)
  await fillIn(page, typed)
}

async function expectTyped(page: Page) {
  for (const [label, answer] of Object.entries(typed)) {
    await expect(page.getByRole('main').getByLabel(label)).toHaveValue(answer)
  }
}

test.describe('a half-filled application', { tag: '@with-script' }, () => {
  test('is there again after a reload, and can be discarded', async ({ page, accessible }) => {
    leaveAnyway(page)
    await typeAnApplication(page)
    await page.reload()
    await expectTyped(page)
    await expect(page.getByText('What you had typed was restored.')).toBeVisible()
    await accessible()

    await page.getByRole('button', { name: 'Start again' }).click()
    await expect(page.getByLabel('Applicant')).toHaveValue('')
    await expect(page.getByText('What you had typed was restored.')).toBeHidden()
    await page.reload()
    await expect(page.getByLabel('Applicant')).toHaveValue('')
  })

  test('is there again after a link and Back', async ({ page }) => {
    leaveAnyway(page)
    await typeAnApplication(page)
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Waiting' }).click()
    await expect(page).toHaveURL('/waiting')
    await page.goBack()
    await expectTyped(page)
  })

  test('is there again after switching the theme', async ({ page }) => {
    await typeAnApplication(page)
    await page.getByRole('button', { name: /^Theme: system/ }).click()
    await expect(page.locator('html')).toHaveAttribute('data-theme', 'light')
    await expectTyped(page)
  })

  test('is guarded when the tab is closed', async ({ page, context }) => {
    const other = await context.newPage()
    await typeAnApplication(other)
    const asked = other.waitForEvent('dialog')
    // Without waiting: closing goes on only when the question is answered.
    const closing = other.close({ runBeforeUnload: true })
    const dialog = await asked
    expect(dialog.type()).toBe('beforeunload')
    await dialog.dismiss()
    await closing
    await expectTyped(other)
  })

  test('is forgotten once it is submitted', async ({ page }) => {
    await typeAnApplication(page)
    await page.getByRole('button', { name: 'Submit application' }).click()
    await expect(page.getByText('Application submitted.')).toBeVisible()
    await page.goto('/applications/new')
    await expect(page.locator('.live')).toHaveText(/^Updated/)
    await expect(page.getByLabel('Applicant')).toHaveValue('')
    await expect(page.getByText('What you had typed was restored.')).toBeHidden()
  })

  test('keeps its answers when they are wrong and the page is reloaded', async ({ page }) => {
    leaveAnyway(page)
    await typeAnApplication(page)
    await page.getByLabel('Postcode').fill('nowhere')
    await page.getByRole('button', { name: 'Submit application' }).click()
    await expect(page.getByRole('alert', { name: 'There is a problem' })).toBeFocused()
    await page.reload()
    await expect(page.getByLabel('Postcode')).toHaveValue('nowhere')
    await expect(page.getByLabel('Applicant')).toHaveValue('Grace Hopper')
  })
})

test('an application that is submitted while the desk is down can be sent again and starts once', {
  tag: '@with-script',
}, async ({ page, desk, request, accessible }) => {
  const reference = newReference('down')
  await typeAnApplication(page)
  await page.getByLabel('Reference').fill(reference)
  // The browser, not the page, logs refused connections.
  page.removeAllListeners('console')
  await desk.kill()
  const send = page.getByRole('button', { name: 'Submit application' })
  try {
    await send.click()
    await expect(page.getByRole('alert')).toContainText('The desk cannot be reached. Nothing is lost')
    await expect(page).toHaveURL('/applications/new')
    await expectTyped(page)
    await accessible()
    await send.click()
    await expect(page.getByRole('alert')).toContainText('The desk cannot be reached. Nothing is lost')
  } finally {
    await desk.startAgain()
  }
  await send.click()
  await expect(page).toHaveURL(`/applications/${reference}`)
  await expect(page.getByText('Application submitted.')).toBeVisible()
  expect((await request.get(`/api/applications/${reference}`)).status()).toBe(200)
})

test('an application whose answer was lost is not started twice', { tag: '@with-script' }, async ({ page }) => {
  await typeAnApplication(page)
  page.removeAllListeners('console')
  let submissions = 0
  // The desk gets the form, but the browser does not get the answer.
  await page.route('**/desk/submit-application', async (route) => {
    submissions++
    if (submissions > 1) return route.continue()
    await route.fetch({ maxRedirects: 0 })
    await route.abort()
  })
  const send = page.getByRole('button', { name: 'Submit application' })
  await send.click()
  await expect(page.getByRole('alert')).toContainText('Nothing is lost')
  await send.click()
  await expect(page.getByText('This application was already submitted, so nothing new was started.')).toBeVisible()
  expect(submissions).toBe(2)
})

test('a half-typed valuation is there again after Back', { tag: '@with-script' }, async ({ page, request, eventually }) => {
  leaveAnyway(page)
  const reference = await submit(request, 'draft', 'Failed response')
  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for manual valuation', patience))
  await page.getByRole('main').getByRole('link', { name: 'Value the property' }).click()
  await expect(page.locator('.live')).toHaveText(/^Updated/)
  await page.getByLabel('Value', { exact: true }).fill('512,000')
  await page.getByLabel('Drive-by').check()
  await page.getByRole('main').getByRole('link', { name: reference }).first().click()
  await expect(page).toHaveURL(`/applications/${reference}`)
  await page.goBack()
  await expect(page.getByLabel('Value', { exact: true })).toHaveValue('512,000')
  await expect(page.getByLabel('Drive-by')).toBeChecked()
})
