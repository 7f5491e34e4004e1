// How fast this machine is, and what the page's work costs on it.
//
// Called by the tests of budgets: a machine that is slower than a laptop is
// judged as the laptop would be, and one that is busy is not judged at all.
import type { CDPSession, Page } from 'playwright-core'

/** The time of `work` on a laptop of 2024. */
const LAPTOP_MS = 6

/** Returns how many times a laptop's time this machine takes; less than 1 on a faster one. */
export async function slowness(page: Page): Promise<number> {
  return (await page.evaluate(work)) / LAPTOP_MS
}

/** Runs in the page: some work of the kind that pages do; returns the best of some times, in ms. */
function work(): number {
  const times = Array.from({ length: 15 }, () => {
    const startedAt = performance.now()
    const made = Array.from({ length: 20_000 }, (_, index) => ({ key: String((index * 7919) % 20_011), index }))
    made.sort((one, other) => (one.key < other.key ? -1 : 1))
    JSON.parse(JSON.stringify(made))
    return performance.now() - startedAt
  })
  return Math.min(...times)
}

/** Returns the bytes on the page's heap that something still holds. */
export async function heapBytes(session: CDPSession): Promise<number> {
  await session.send('HeapProfiler.collectGarbage')
  return (await session.send('Runtime.getHeapUsage')).usedSize
}

/** Returns a clock of the time that the page's main thread has worked, in ms: waiting for a busy machine is none. */
export async function startWorkClock(session: CDPSession): Promise<() => Promise<number>> {
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  return async () => {
    const { metrics } = await session.send('Performance.getMetrics')
    return 1000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN)
  }
}
