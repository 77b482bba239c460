// Helpers for applications: by the API for test setup, and by the pages.
import type { APIRequestContext, Locator, Page } from '@playwright/test'
import { expect } from './test.ts'

export type Application = {
  applicationReference: string
  property: { nameOrNumber: string; postcode: string }
  applicant?: string
  loanAmount?: string
  estimatedValue?: string
  termYears?: number
}

let made = 0

/** A reference that no other test uses. */
export function newReference(topic: string): string {
  return `${topic}-${process.env.TEST_WORKER_INDEX ?? 0}-${Date.now().toString(36)}-${made++}`
}

const letters = 'ABDEFGHJLNPQRSTUWXYZ'

/** A postcode that no other test uses, so that a property has no earlier valuations. */
export function newPostcode(): string {
  const n = made++
  const letter = (place: number) => letters[Math.floor(n / place) % letters.length]
  return `SW1A ${n % 10}${letter(10)}${letter(200)}`
}

/** Lets the browser leave a page with unsaved input although the page asks. */
export function leaveAnyway(page: Page) {
  page.on('dialog', (dialog) => dialog.accept())
}

/** Submits an application by the API. `nameOrNumber` selects the behaviour of the mock valuer. */
export async function submit(
  request: APIRequestContext,
  topic: string,
  nameOrNumber: string,
  more: Partial<Application> = {},
): Promise<string> {
  const application: Application = {
    applicationReference: newReference(topic),
    property: { nameOrNumber, postcode: 'PO1 1CE' },
    ...more,
  }
  const answer = await request.post('/api/applications', { data: application })
  expect(answer.status(), await answer.text()).toBe(201)
  return application.applicationReference
}

export async function open(page: Page, reference: string) {
  await page.goto(`/applications/${reference}`)
  await expect(page.getByRole('heading', { level: 1, name: reference })).toBeVisible()
}

/** The status in the heading of an application's page. */
export function status(page: Page): Locator {
  return page.getByRole('main').locator('#status .status')
}

/** The entries of an application's story. */
export function story(page: Page): Locator {
  return page.getByRole('region', { name: 'Story' }).getByRole('listitem')
}

/** Fills in the fields of the form for a new application, by their labels. */
export async function fillIn(page: Page, answers: Record<string, string>) {
  for (const [label, answer] of Object.entries(answers)) {
    await page.getByRole('main').getByLabel(label).fill(answer)
  }
}
