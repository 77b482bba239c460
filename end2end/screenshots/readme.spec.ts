import path from 'node:path'
import type { Application } from '../support/applications.ts'
import { open, status } from '../support/applications.ts'
import { test, expect } from '../support/test.ts'

const day: Application[] = [
  application('LN-2036', 'Mary Somerville', '12', 'SW1A 2AA', '310000', '640000'),
  application('LN-2037', 'Edith Clarke', 'Rose Cottage', 'PO1 1CE', '560000', '700000'),
  application('LN-2038', 'Katherine Johnson', '4', 'M1 1AE', '655000', '660000'),
  application('LN-2039', 'Joan Clarke', 'Failed response', 'MK3 6EB', '240000', '480000'),
  application('LN-2040', 'Grace Hopper', '7', 'EC1A 1BB', '420000', '650000'),
  application('LN-2041', 'Ada Lovelace', 'No callback', 'PO1 1CE', '250000', '330000'),
]

function application(
  applicationReference: string,
  applicant: string,
  nameOrNumber: string,
  postcode: string,
  loanAmount: string,
  estimatedValue: string,
): Application {
  return { applicationReference, applicant, property: { nameOrNumber, postcode }, loanAmount, estimatedValue, termYears: 25 }
}

test('the workflow of an application that waits for a colleague', async ({ page, request }) => {
  for (const data of day) expect((await request.post('/api/applications', { data })).status()).toBe(201)
  await open(page, 'LN-2041')
  await expect(status(page)).toHaveText('Waiting for manual valuation')
  await page.goto('/applications/LN-2041?tab=workflow')
  await expect(page.getByRole('link', { name: 'ManualValuation (Task): here now' })).toBeVisible()
  await page.screenshot({ path: path.join(import.meta.dirname, '../../docs/screenshot.png') })
})
