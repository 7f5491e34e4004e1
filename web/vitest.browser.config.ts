// How the browser tests run: the real program, and a real Chromium before it.
//
// Called by `npm run test:browser`, which `cargo xtask test` calls. Node drives
// the browser by playwright-core; each file starts its own server. Most files wait more
// than they work, so three run at once, also on two cores. Those that judge times have the machine to themselves.
import { defineConfig } from 'vitest/config'
import { BaseSequencer } from 'vitest/node'
import type { TestSpecification } from 'vitest/node'

const ALL = 'tests/browser/*.spec.ts'
const TIMED = ['budget', 'tabs', 'window'].map((name) => `tests/browser/${name}.spec.ts`)
/** Begun last, one of these would run on alone. */
const LONGEST = /(states|turned|wire|proxies|engine)\.spec/

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((one, other) => isLong(other) - isLong(one))
  }
}

function isLong({ moduleId }: TestSpecification): number {
  return Number(LONGEST.test(moduleId))
}

export default defineConfig({
  test: {
    environment: 'node',
    globalSetup: ['tests/browser/harness/prepare.ts'],
    // A machine that is busy building is slow, and no test waits longer than it must.
    testTimeout: 180_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000, interval: 50 } },
    retry: 0,
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { name: 'browser', include: [ALL], exclude: TIMED, maxWorkers: 3, sequence: { groupOrder: 1 } } },
      { extends: true, test: { name: 'timed', include: TIMED, fileParallelism: false, sequence: { groupOrder: 2 } } },
    ],
  },
})
