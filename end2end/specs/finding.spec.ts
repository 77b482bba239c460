import { readFile } from 'node:fs/promises'
import type { Page } from '@playwright/test'
import { newReference, status, story, submit } from '../support/applications.ts'
import { expect, test } from '../support/test.ts'

/** Searches in the top bar. */
async function search(page: Page, text: string) {
  await page.goto('/')
  const box = page.getByRole('search').getByRole('searchbox')
  await box.fill(text)
  await box.press('Enter')
}

test('the search in the top bar opens the page of a reference, in any case', async ({ page, request, eventually }) => {
  const reference = await submit(request, 'Searched', 'Failed response')
  for (const text of [reference, reference.toLowerCase(), ` ${reference.toUpperCase()} `]) {
    await search(page, text)
    await expect(page).toHaveURL(`/applications/${reference}`)
  }
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for manual valuation', patience))
  const valuation = /reference (\S+), answer due/.exec(await story(page).nth(1).innerText())![1]
  await search(page, valuation)
  await expect(page).toHaveURL(`/applications/${reference}`)
})

test('the search in the top bar lists what contains the words, whole words first', async ({ page, request }) => {
  const word = newReference('Bob')
  const whole = await submit(request, 'searched', '14', { applicant: `Dorothy ${word}` })
  const part = await submit(request, 'searched', '114', { applicant: `Dorothy x${word}` })
  const rows = page.getByRole('table', { name: 'Applications, whole words first' }).getByRole('rowheader')
  await search(page, word.toLowerCase())
  await expect(rows).toHaveText([whole, part])
  // As the page of an application prints it.
  await search(page, `Dorothy ${word} · 14, PO1 1CE`)
  await expect(rows).toHaveText([whole, part])
  await search(page, `x${word}`)
  await expect(rows, 'a single hit that is no reference').toHaveText([part])
  await expect(page).toHaveURL((url) => url.pathname === '/applications')
})

test('a search without results says so and offers a way back', async ({ page }) => {
  await page.goto('/applications?q=there-is-no-such-thing')
  await expect(page.getByText('No applications match.')).toBeVisible()
  await page.getByRole('link', { name: 'Show all applications' }).click()
  await expect(page).toHaveURL('/applications')
})

test('applications can be filtered by status, and the address keeps the filter', async ({ page, request }) => {
  const topic = newReference('filtered')
  const waiting = await submit(request, topic, 'No callback')
  await page.goto(`/applications?q=${topic}`)
  const rows = page.getByRole('table', { name: 'Applications, whole words first' }).getByRole('rowheader')
  await expect(rows).toHaveText([waiting])
  await page.getByRole('navigation', { name: 'Status' }).getByRole('link', { name: 'Approved' }).click()
  await expect(page).toHaveURL((url) => url.searchParams.get('q') === topic && url.searchParams.get('status') === 'approved')
  await expect(page.getByText('No applications match.')).toBeVisible()
  await page.getByRole('navigation', { name: 'Status' }).getByRole('link', { name: 'All' }).click()
  await expect(rows).toHaveText([waiting])
})

test('a long list has pages of fifty, newest first, without gaps or duplicates', async ({ page, request }) => {
  const topic = newReference('paged')
  const submitted: string[] = []
  for (let i = 0; i < 53; i++) submitted.unshift(await submit(request, topic, '9'))

  await page.goto(`/applications?q=${topic}`)
  const rows = page.getByRole('table', { name: 'Applications, whole words first' }).getByRole('rowheader')
  await expect(rows).toHaveText(submitted.slice(0, 50))
  await page.getByRole('link', { name: 'More applications' }).click()
  await expect(rows).toHaveText(submitted.slice(50))
  await expect(page.getByRole('link', { name: 'More applications' })).toHaveCount(0)
  await page.getByRole('link', { name: 'Back to the first' }).click()
  await expect(rows).toHaveCount(50)
})

test('a column heading sorts the list in one direction, then the other, then not at all', async ({ page, request }) => {
  const topic = newReference('sorted')
  const small = await submit(request, topic, '1', { loanAmount: '90000.50' })
  const none = await submit(request, topic, '2')
  const large = await submit(request, topic, '3', { loanAmount: '300000' })
  await page.goto(`/applications?q=${topic}`)
  const rows = page.getByRole('table').getByRole('rowheader')
  const head = page.getByRole('columnheader', { name: 'Amount' })
  for (const [order, sort, ends] of [
    ['descending', '-amount', [large, small, none]],
    ['ascending', 'amount', [small, large, none]],
    [null, null, [large, none, small]],
  ] as const) {
    await head.getByRole('link').click()
    await expect(page).toHaveURL((url) => url.searchParams.get('sort') === sort && url.searchParams.get('q') === topic)
    await expect(rows).toHaveText(ends)
    if (order) await expect(head).toHaveAttribute('aria-sort', order)
    else await expect(head).not.toHaveAttribute('aria-sort')
  }
})

test('a sorted list has pages without gaps or duplicates', async ({ page, request }) => {
  const topic = newReference('sorted-pages')
  const submitted: string[] = []
  for (let i = 0; i < 53; i++) submitted.push(await submit(request, topic, '9', { loanAmount: `${100_000 + i}` }))

  await page.goto(`/applications?q=${topic}&sort=amount`)
  const rows = page.getByRole('table').getByRole('rowheader')
  await expect(rows).toHaveText(submitted.slice(0, 50))
  await page.getByRole('link', { name: 'More applications' }).click()
  await expect(rows).toHaveText(submitted.slice(50))
  await page.getByRole('link', { name: 'Back to the first' }).click()
  await expect(rows).toHaveCount(50)
})

test('typing into the filter updates the list at once', { tag: '@with-script' }, async ({ page, request }) => {
  const topic = newReference('typed')
  const reference = await submit(request, topic, '9')
  await page.goto('/applications')
  await page.getByLabel('Filter these applications').pressSequentially(topic)
  const rows = page.getByRole('table', { name: 'Applications, whole words first' }).getByRole('rowheader')
  await expect(rows).toHaveText([reference])
})

test('the list shows applications submitted elsewhere without a reload', { tag: '@with-script' }, async ({
  page,
  request,
  eventually,
}) => {
  await page.goto('/applications')
  await eventually(async (patience) => {
    // It waits for the whole valuation timeout, long enough for a slow page to show it.
    const reference = await submit(request, 'elsewhere', 'No callback')
    const row = page.getByRole('row').filter({ hasText: reference })
    await expect(row).toContainText('Waiting for valuation', patience)
    await expect(row).toContainText('Waiting for manual valuation', patience)
  })
})

test('a filtered list can be downloaded as a file', async ({ page, request }) => {
  const topic = newReference('spreadsheet')
  const reference = await submit(request, topic, 'No callback', { applicant: 'Zoë, of course' })
  await page.goto(`/applications?q=${topic}`)
  const coming = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Download as CSV' }).click()
  const download = await coming
  expect(download.suggestedFilename()).toMatch(/^applications-\d{4}-\d\d-\d\d\.csv$/)
  const lines = (await readFile(await download.path(), 'utf8')).trim().split('\r\n')
  expect(lines).toHaveLength(2)
  expect(lines[1]).toContain(`${reference},"Zoë, of course",No callback,PO1 1CE`)
})
