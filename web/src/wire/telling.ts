// Collects changes of exchanges for a moment, and tells the last of each.
//
// A stream's record changes with every piece that comes; those who look at the
// drawer need no more than they can see.
import type { Clock } from '../api/platform'
import type { Exchange } from './protocol'

const TELL_EVERY_MS = 100

export interface Telling {
  add(exchange: Exchange): void
  stop(): void
}

export function createTelling(clock: Clock, tell: (exchanges: Exchange[]) => void): Telling {
  const changed = new Map<string, Exchange>()
  let cancel: (() => void) | null = null

  function add(exchange: Exchange): void {
    changed.set(exchange.id, exchange)
    cancel ??= clock.after(TELL_EVERY_MS, flush)
  }

  function flush(): void {
    cancel = null
    const exchanges = [...changed.values()]
    changed.clear()
    tell(exchanges)
  }

  return { add, stop: () => cancel?.() }
}
