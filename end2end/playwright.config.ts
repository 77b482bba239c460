import { defineConfig, devices } from '@playwright/test'

const ci = !!process.env.CI

export default defineConfig({
  testDir: 'specs',
  outputDir: 'test-results/artifacts',
  fullyParallel: true,
  forbidOnly: ci,
  // A flaky test is a defect, so it is not retried.
  retries: 0,
  workers: 2,
  // Tests take seconds, but a small machine may be busy with other work.
  timeout: 90_000,
  expect: { timeout: 20_000 },
  reporter: [['list'], ['json', { outputFile: process.env.PLAYWRIGHT_JSON_OUTPUT_NAME ?? 'test-results/results.json' }]],
  use: {
    ...devices['Desktop Chrome'],
    // A zone other than the server's reveals times that were not converted to the viewer's zone.
    timezoneId: 'America/New_York',
    locale: 'en-GB',
    // Animations would make tests depend on timing.
    contextOptions: { reducedMotion: 'reduce' },
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM,
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    },
  },
  projects: [
    { name: 'with script', grepInvert: /@without-script/ },
    { name: 'without script', use: { javaScriptEnabled: false }, grepInvert: /@with-script/ },
  ],
})
