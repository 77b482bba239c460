// The outcome of an application for each behaviour of the valuation service. The property's name selects the behaviour
// of the mock valuer.
import { open, status, story, submit } from '../support/applications.ts'
import { expect, test } from '../support/test.ts'

for (const { property, ends, told } of [
  { property: 'No callback', ends: 'Waiting for manual valuation', told: /did not answer/ },
  { property: 'Late callback', ends: 'Waiting for manual valuation', told: /late/i },
  { property: 'Duplicate response', ends: 'Valued', told: /again|twice|duplicate/i },
  { property: 'Unknown reference', ends: 'Waiting for manual valuation', told: /did not answer/ },
  { property: 'Failed response', ends: 'Waiting for manual valuation', told: /failed/i },
  { property: 'Early callback', ends: 'Valued', told: /£666,000/ },
  { property: 'Service error', ends: 'Valued', told: /£666,000/ },
]) {
  test(`${property}: the application reaches "${ends}" and its story says why`, async ({ page, request, eventually }) => {
    const reference = await submit(request, 'valuer', property)
    await open(page, reference)
    await eventually((patience) => expect(status(page)).toHaveText(ends, patience))
    await eventually((patience) => expect(story(page).filter({ hasText: told }).first()).toBeVisible(patience))
    await expect(status(page)).toHaveText(ends)
  })
}
