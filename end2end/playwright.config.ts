import { defineConfig, devices } from '@playwright/test'

const ci = !!process.env.CI

export default defineConfig({
  testDir: 'specs',
  outputDir: 'test-results/artifacts',
  fullyParallel: true,
  forbidOnly: ci,
  // A test that passes only sometimes is a fault to be found.
  retries: 0,
  workers: 2,
  // Generous: a test takes seconds, but a machine with two cores may have something else to do.
  timeout: 90_000,
  expect: { timeout: 20_000 },
  reporter: [['list'], ['json', { outputFile: process.env.PLAYWRIGHT_JSON_OUTPUT_NAME ?? 'test-results/results.json' }]],
  use: {
    ...devices['Desktop Chrome'],
    // A viewer elsewhere than the server: shows a time that was not turned into the viewer's zone.
    timezoneId: 'America/New_York',
    locale: 'en-GB',
    // Nothing is looked at while it moves.
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
