// Every page shows unusual names literally. This is tested with script, because only then does the browser rebuild
// parts of the page.
import { open, status, submit } from '../support/applications.ts'
import { expect, test } from '../support/test.ts'

const script = `"><script>window.ran=1</script><img src=x onerror=window.ran=1>'&lt;`
const strange = {
  'a script': { name: script, property: `Failed response` },
  'a script in the property': { name: 'Ada', property: script },
  'right-to-left text with an unterminated override': { name: 'אדה לאבלייס \u202E evil', property: 'בית הוורדים' },
  'a name of 200 letters without a space': { name: 'W'.repeat(200), property: 'M'.repeat(200) },
  'a name of emoji and combining characters': { name: '👩🏽‍💻 Ada \u0301\u0301\u0301 ﷽', property: '🏠'.repeat(50) },
}

for (const [what, { name, property }] of Object.entries(strange)) {
  test(`${what} is shown literally on every page, without breaking the layout`, { tag: '@with-script' }, async ({ page, request }) => {
    const reference = await submit(request, `s${'x'.repeat(30)}`, property, { applicant: name, loanAmount: '999999999.99' })
    await open(page, reference)
    await expect(page.getByRole('region', { name: 'Application' })).toContainText(name)
    await expect(page.getByRole('region', { name: 'Application' })).toContainText('£999,999,999.99')
    for (const address of [
      `/applications/${reference}`,
      `/applications/${reference}?tab=workflow&state=RequestValuation`,
      `/applications/${reference}?tab=workflow&state=${encodeURIComponent(script)}`,
      `/applications?q=${encodeURIComponent(name.slice(0, 40))}`,
      `/applications?q=${encodeURIComponent(script)}&status=${encodeURIComponent(script)}&sort=${encodeURIComponent(script)}`,
      '/waiting',
      '/',
    ]) {
      await page.goto(address)
      await expect(page.getByRole('heading', { level: 1 })).toHaveCount(1)
      for (const width of [1280, 360]) {
        await page.setViewportSize({ width, height: 800 })
        const wide = await page.locator('html').evaluate((html) => html.scrollWidth)
        expect(wide, `${address} at ${width}`).toBeLessThanOrEqual(width)
      }
      expect(await page.locator('script', { hasText: 'window.ran' }).count(), address).toBe(0)
      expect(await page.locator('img').count(), address).toBe(0)
    }
  })
}

test('text from a valuer is shown literally', async ({ page, request, eventually }) => {
  const reference = await submit(request, 'strange', 'Failed response', { applicant: script })
  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Waiting for manual valuation', patience))
  await page.reload()
  await page.getByRole('main').getByRole('link', { name: 'Value the property' }).click()
  await page.getByLabel("No, it can't be valued").check()
  await page.getByLabel("Why can't it be valued?").fill(`${script}\n${'y'.repeat(300)}`)
  await page.getByLabel('Your name').fill(script)
  await page.getByRole('button', { name: 'Record answer' }).click()
  await expect(page.getByText('cannot be valued.')).toBeVisible()
  await open(page, reference)
  await eventually((patience) => expect(status(page)).toHaveText('Declined', patience))
  await expect(page.getByRole('region', { name: 'Story' })).toContainText(script)
  expect(await page.locator('img').count()).toBe(0)
})
