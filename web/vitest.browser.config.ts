// How the browser tests run: the real program, and a real Chromium before it.
//
// Called by `npm run test:browser`, which `cargo xtask test` calls. Node drives
// the browser by playwright-core; each file starts its own server.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    environment: 'node',
    include: ['tests/browser/*.spec.ts'],
    globalSetup: ['tests/browser/harness/prepare.ts'],
    // Two cores have enough to do with one browser and one server.
    fileParallelism: false,
    // A machine that is busy building is slow, and no test waits longer than it must.
    testTimeout: 180_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000, interval: 50 } },
    retry: 0,
  },
})
