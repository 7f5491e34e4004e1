// The moments at which a connection may have died without telling us.
//
// Called by the station, which wakes the engine, so that it looks at once
// instead of waiting for their timers. It tells that something happened, never
// what.

const TICK_MS = 5000
/** A tick this late means that the machine slept. */
const SLEPT_MS_MIN = 20_000

/** Calls `wake` when the network comes or goes, and when the page or the machine comes back. Returns the function that ends it. */
export function onWake(wake: () => void): () => void {
  const listening = new AbortController()
  const { signal } = listening
  window.addEventListener('online', wake, { signal })
  // A held request stays open when the network goes; only a new one fails.
  window.addEventListener('offline', wake, { signal })
  // A page that comes out of the back-forward cache gets no visibilitychange.
  window.addEventListener('pageshow', (event) => event.persisted && wake(), { signal })
  document.addEventListener('visibilitychange', () => isVisible() && wake(), { signal })

  // By the computer's clock: a monotonic one may stand still during sleep.
  let lastTick = Date.now()
  const timer = setInterval(() => {
    const late = Date.now() - lastTick - TICK_MS
    lastTick = Date.now()
    // Browsers slow the timers of hidden pages down; that is no sleep.
    if (late > SLEPT_MS_MIN && isVisible()) wake()
  }, TICK_MS)

  return () => {
    listening.abort()
    clearInterval(timer)
  }
}

function isVisible(): boolean {
  return document.visibilityState === 'visible'
}
