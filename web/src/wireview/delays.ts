// How long an event was on its way, though two clocks measure it.
//
// Fed by `wireStore` with events as they arrive, and with own messages that
// were answered. An event has the time of the server's clock, its arrival the
// time of ours. The clocks are taken to agree, unless what was seen says that
// they cannot: no event arrives before it happened, and an own message was
// stored between its request and the answer.

/** Own messages whose event or whose answer is still to come. */
const SENT_MAX = 50

export interface Delays {
  /** Takes an own message's exchange, by our clock. */
  sent(requestId: string, sentAt: number, endedAt: number): void
  /** Takes when an own message was stored, by the server's clock. */
  stored(requestId: string, at: number): void
  /** Returns how many ms an event of the time `at` took, arriving at `now`; never below 0. */
  of(at: number, now: number): number
}

export function createDelays(): Delays {
  /** How far our clock is ahead of the server's: somewhere between these. */
  let leastMs = -Infinity
  let mostMs = Infinity
  const exchanges = new Map<string, { sentAt: number; endedAt: number }>()
  const times = new Map<string, number>()

  function sent(requestId: string, sentAt: number, endedAt: number): void {
    keep(exchanges, requestId, { sentAt, endedAt })
    meet(requestId)
  }

  function stored(requestId: string, at: number): void {
    keep(times, requestId, at)
    meet(requestId)
  }

  function meet(requestId: string): void {
    const exchange = exchanges.get(requestId)
    const at = times.get(requestId)
    if (!exchange || at === undefined) return
    const least = exchange.sentAt - at
    const most = exchange.endedAt - at
    // A clock that was set contradicts what was seen before: begin anew.
    const agrees = least <= mostMs && most >= leastMs
    leastMs = agrees ? Math.max(leastMs, least) : least
    mostMs = agrees ? Math.min(mostMs, most) : most
  }

  function of(at: number, now: number): number {
    mostMs = Math.min(mostMs, now - at)
    leastMs = Math.min(leastMs, mostMs)
    return now - at - Math.min(Math.max(0, leastMs), mostMs)
  }

  return { sent, stored, of }
}

function keep<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > SENT_MAX && oldest !== undefined) map.delete(oldest)
}
