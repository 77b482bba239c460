import { open, status, submit } from '../support/applications.ts'
import { expect, test } from '../support/test.ts'

test('the graph shows the current state and follows the execution', async ({ page, request, eventually, accessible }) => {
  const reference = await submit(request, 'workflow', 'No callback')
  await open(page, reference)
  await page.getByRole('navigation', { name: 'Views of this application' }).getByRole('link', { name: 'Workflow' }).click()
  await expect(page).toHaveURL(`/applications/${reference}?tab=workflow`)
  const graph = page.getByRole('group', { name: /^Graph of the states/ })
  const state = (name: string, progress: string) => graph.getByRole('link', { name: `${name} (Task): ${progress}` })
  await expect(state('RequestValuation', 'here now')).toBeVisible()
  await expect(state('ManualValuation', 'not reached')).toBeVisible()
  await accessible()
  await eventually((patience) => expect(state('ManualValuation', 'here now')).toBeVisible(patience))
  await expect(state('RequestValuation', 'failed, and the failure was caught')).toBeVisible()
})

test('the event table shows the whole execution, including its pause', async ({ page, request, eventually }) => {
  const reference = await submit(request, 'events', '999')
  await page.goto(`/applications/${reference}?tab=workflow`)
  const execution = page.getByRole('region', { name: 'Execution' })
  await eventually((patience) => expect(execution).toContainText('SUCCEEDED', patience))

  const rows = page.getByRole('table', { name: 'Events of the execution, oldest first' }).getByRole('row')
  const types = (await rows.getByRole('rowheader').allInnerTexts()).map((text) => text.trim())
  const start = types.indexOf('TaskScheduled')
  expect(types[0]).toBe('ExecutionStarted')
  expect(types.slice(start, start + 4)).toEqual(['TaskScheduled', 'TaskStarted', 'TaskSubmitted', 'TaskSucceeded'])
  expect(types.at(-1)).toBe('ExecutionSucceeded')
  await expect(rows.filter({ hasText: /^\s*Pause of [12]/ })).toHaveCount(1)

  const answered = rows.filter({ hasText: 'TaskSucceeded' }).filter({ hasText: 'RequestValuation' }).first()
  await answered.getByText('TaskSucceeded').click()
  await expect(answered.getByText('666000')).toBeVisible()
})

test('a state can be selected to see its input, output and transitions', async ({ page, request, eventually }) => {
  const reference = await submit(request, 'state', 'Failed response')
  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for manual valuation', patience))
  await page.goto(`/applications/${reference}?tab=workflow`)
  await page
    .getByRole('group', { name: /^Graph of the states/ })
    .getByRole('link', { name: 'RequestValuation (Task): failed, and the failure was caught' })
    .click()
  const state = page.getByRole('region', { name: 'RequestValuation' })
  await expect(state).toContainText('Failed response')
  await expect(state).toContainText('ValuationFailed')
})

test('no page shows a task token', async ({ page, request, desk, eventually }) => {
  const reference = await submit(request, 'secret', 'Failed response')
  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for manual valuation', patience))
  const tokens = await desk.taskTokens(reference)
  expect(tokens, 'one for the valuer and one for the person').toHaveLength(2)

  await page.reload()
  const manualValuation = await page.getByRole('link', { name: 'Value the property' }).getAttribute('href')
  for (const address of [
    '/',
    '/applications',
    '/waiting',
    manualValuation!,
    `/applications/${reference}`,
    `/applications/${reference}?tab=workflow`,
    `/applications/${reference}?tab=workflow&state=RequestValuation`,
    `/applications/${reference}?tab=workflow&state=ManualValuation`,
    `/workflows/loan-processing`,
    `/workflows/loan-processing/executions/${reference}?state=RequestValuation`,
    `/workflows/loan-processing/executions/${reference}?state=ManualValuation`,
    `/api/applications/${reference}`,
  ]) {
    const answer = await request.get(address)
    expect(answer.status(), address).toBe(200)
    const text = await answer.text()
    for (const token of tokens) expect(text.includes(token), `${address} shows a task token`).toBe(false)
  }
})

for (const colorScheme of ['light', 'dark'] as const) {
  test(`the name of the current frame is readable in the ${colorScheme} theme`, async ({ page, request }) => {
    await page.emulateMedia({ colorScheme })
    const reference = await submit(request, 'frame', 'No callback')
    await page.goto(`/applications/${reference}?tab=workflow`)
    const current = page.getByRole('link', { name: 'RequestValuation (Task): here now' })
    // Like the frame of a Parallel or Map state: without a fill, directly on the page.
    const colours = await current.evaluate((state) => {
      state.classList.add('frame')
      const style = (selector: string) => getComputedStyle(state.querySelector(selector)!)
      return { fill: style('rect').fill, stroke: style('rect').stroke, name: style('text').fill }
    })
    expect(colours.fill).toBe('none')
    expect(colours.name, 'the same as the frame, which is visible on the page').toBe(colours.stroke)
  })
}
