// `npm run screenshot` updates the README's screenshot, using the desk that `cargo xtask serve` built last.
import { defineConfig } from '@playwright/test'
import tests from './playwright.config.ts'

export default defineConfig({
  ...tests,
  testDir: 'screenshots',
  outputDir: 'test-results/screenshots',
  reporter: 'list',
  projects: [{ name: 'screenshot', use: { viewport: { width: 1280, height: 860 }, timezoneId: 'Europe/London' } }],
})
