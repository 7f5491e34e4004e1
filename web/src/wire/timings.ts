// The browser's own measurements of requests, in a page or a worker.
//
// Handed to the engine and to a tab's line by those who make them; the engine
// itself knows no globals. Old browsers have none, and then nothing is told.
import type { Timing } from './exchanges'

/** Calls `hear` for each request to the API that is over. Returns the function that ends it. */
export function watchTimings(hear: (timing: Timing) => void): () => void {
  if (typeof PerformanceObserver === 'undefined') return () => {}
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { name, startTime, connectStart, connectEnd } = entry as PerformanceResourceTiming
      // A request that got no connection has no times of one.
      if (!name.includes('/api/v1/') || !connectStart) continue
      const connection = connectStart === connectEnd ? 'reused' : 'new'
      hear({ url: name, startedAt: performance.timeOrigin + startTime, connection })
    }
    // The browser keeps a bounded number of them for all of the page.
    performance.clearResourceTimings()
  })
  observer.observe({ type: 'resource' })
  return () => observer.disconnect()
}
