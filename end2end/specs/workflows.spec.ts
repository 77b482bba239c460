// The section for engineers: state machines, executions, and the states of a graph.
import type { Page } from '@playwright/test'
import { newReference, open, status, submit } from '../support/applications.ts'
import { expect, test } from '../support/test.ts'

const graph = (page: Page) => page.getByRole('group', { name: /^Graph of the states/ })
const panel = (page: Page) => page.locator('#state')

/** Starts the loan workflow with an input that is no application. */
async function startByMistake(desk: { start: (name: string, input: object) => Promise<void> }): Promise<string> {
  const name = newReference('mistake')
  await desk.start(name, { applicationReference: name, property: { nameOrNumber: '1', postcode: 'PO1 1CE' }, loanAmount: '£1' })
  return name
}

test('an execution that is no application is found by name, explained, and shown on Today', async ({
  page,
  desk,
  accessible,
}) => {
  const name = await startByMistake(desk)
  await page.goto('/')
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Workflows' }).click()
  await accessible()
  await page.getByRole('rowheader').getByRole('link', { name: 'loan-processing' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'loan-processing' })).toBeVisible()
  await page.getByRole('searchbox', { name: 'Name of an execution' }).fill(name)
  await page.getByRole('button', { name: 'Find' }).click()
  await accessible()
  await page.getByRole('table', { name: 'Executions, newest first' }).getByRole('link', { name }).click()
  await expect(page.getByText('belongs to no application')).toBeVisible()
  await expect(panel(page)).toContainText('InvalidApplication')
  await expect(page.getByRole('row').filter({ hasText: 'ExecutionFailed' })).toContainText('InvalidApplication')

  await expect(async () => {
    await page.goto('/')
    const row = page.getByRole('row').filter({ hasText: name })
    await expect(row).toContainText('loanAmount', { timeout: 200 })
  }).toPass({ timeout: 20_000 })
  await accessible()
  await page.getByRole('button', { name: `Dismiss ${name}` }).click()
  await expect(page.getByText(`The execution ${name} is dismissed`)).toBeVisible()
  await expect(page.getByRole('row').filter({ hasText: name })).toHaveCount(0)
})

test('selecting a state shows it beside the graph without moving the page @with-script', async ({ page, request, eventually }) => {
  const reference = await submit(request, 'beside', 'Failed response')
  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for manual valuation', patience))
  await page.goto(`/applications/${reference}?tab=workflow`)
  await expect(panel(page).getByRole('heading', { name: 'ManualValuation' })).toBeVisible()
  const state = graph(page).getByRole('link', { name: /^RequestValuation / })
  await state.scrollIntoViewIfNeeded()
  const places = () =>
    page.evaluate(() => ({
      scrolled: window.scrollY,
      panel: document.querySelector('#state')!.getBoundingClientRect().top,
      events: document.querySelector('#events')!.getBoundingClientRect().top,
    }))
  const before = await places()
  await state.click()
  await expect(panel(page).getByRole('heading', { name: 'RequestValuation' })).toBeVisible()
  await expect(page).toHaveURL(`/applications/${reference}?tab=workflow&state=RequestValuation#graph`)
  expect(await places()).toEqual(before)
  const [chart, beside] = [await graph(page).boundingBox(), await panel(page).boundingBox()]
  expect(beside!.x, 'beside the graph').toBeGreaterThan(chart!.x)
  await page.goBack()
  await expect(panel(page).getByRole('heading', { name: 'ManualValuation' })).toBeVisible()
})

test('arrow keys step through the states @with-script', async ({ page, request }) => {
  const reference = await submit(request, 'keys', 'No callback')
  await page.goto(`/applications/${reference}?tab=workflow`)
  await expect(page.locator('.live')).toContainText('Updated')
  await graph(page).getByRole('link', { name: /^Prepare / }).focus()
  await page.keyboard.press('ArrowDown')
  await expect(panel(page).getByRole('heading', { name: 'RequestValuation' })).toBeVisible()
  await expect(graph(page).getByRole('link', { name: /^RequestValuation / })).toBeFocused()
  await page.keyboard.press('ArrowUp')
  await expect(panel(page).getByRole('heading', { name: 'Prepare' })).toBeVisible()
  await expect(graph(page).getByRole('link', { name: /^Prepare / })).toBeFocused()
})

test('the running pause counts up @with-script', async ({ page, request }) => {
  const reference = await submit(request, 'pause', 'No callback')
  await page.goto(`/applications/${reference}?tab=workflow&state=RequestValuation`)
  const elapsed = panel(page).locator('time[data-when=elapsed]')
  const first = await elapsed.innerText()
  await expect(elapsed).not.toHaveText(first)
  await expect(panel(page).locator('.deadline-bar .passed')).toHaveAttribute('width', /^[1-9]/)
})

test('on a narrow screen the state is below the graph, and nothing is cut off', async ({ page, request }) => {
  await page.setViewportSize({ width: 375, height: 800 })
  const reference = await submit(request, 'narrow', 'No callback')
  for (const address of [
    '/workflows',
    '/workflows/loan-processing',
    `/workflows/loan-processing/executions/${reference}`,
  ]) {
    await page.goto(address)
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    expect(wide, `${address} is wider than the screen`).toBeLessThanOrEqual(0)
  }
  const [chart, below] = [await page.locator('.graph-side').boundingBox(), await panel(page).boundingBox()]
  expect(below!.y).toBeGreaterThanOrEqual(chart!.y + chart!.height)
})

test.describe('without script', () => {
  test.use({ javaScriptEnabled: false })

  test('a state is selected by its link', async ({ page, request, accessible }) => {
    const reference = await submit(request, 'plain', 'No callback')
    await page.goto(`/workflows/loan-processing/executions/${reference}`)
    await graph(page).getByRole('link', { name: /^Prepare / }).click()
    await expect(page).toHaveURL(`/workflows/loan-processing/executions/${reference}?state=Prepare#graph`)
    await expect(panel(page).getByRole('heading', { name: 'Prepare' })).toBeVisible()
    await expect(panel(page)).toContainText('done')
    await accessible()
  })
})
