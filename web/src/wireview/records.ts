// The exchanges that this tab was told of, newest first, and how each went on.
//
// Fed with the engine's messages by `wireStore`. The engine keeps the records;
// this is what one tab has heard of them. It may hear one many times: as it
// goes on, and again when the drawer is opened anew. Bounded: what has ended
// falls out first, oldest first.
import type { Exchange } from '../wire/protocol'

/** Two minutes of short polling, each second; a row of the list takes 400 bytes or so. */
export const RECORDS_MAX = 300
/** Dots on the bar of a stream: more cannot be told apart. */
const NEWS_MAX = 60

/** An exchange, and when its news came in (a stream has many answers). */
export interface ExchangeRecord extends Exchange {
  /** In ms since 1970, oldest first. */
  newsAt: readonly number[]
}

/** How an exchange has changed: `before` is absent when it is heard of for the first time. */
export interface Change {
  before: ExchangeRecord | undefined
  after: ExchangeRecord
}

export interface Records {
  /** Takes what the engine says, and returns what of it is new. */
  take(exchanges: readonly Exchange[], now: number): Change[]
  /** Returns all that are kept, those sent last first. */
  list(): ExchangeRecord[]
}

export function createRecords(): Records {
  const kept = new Map<string, ExchangeRecord>()
  /** Nothing sent before this is taken any more: it was counted, and fell out. */
  let forgottenUntil = -Infinity

  function take(exchanges: readonly Exchange[], now: number): Change[] {
    const changes = exchanges.flatMap((exchange) => follow(exchange, now) ?? [])
    forget()
    return changes
  }

  function follow(exchange: Exchange, now: number): Change | null {
    const before = kept.get(exchange.id)
    if (!before && exchange.sentAt <= forgottenUntil) return null
    // An old word of it comes late; its bytes may be told after its end.
    if (before && before.endedAt !== null && exchange.endedAt === null) return null
    const after = { ...exchange, newsAt: newsAt(before, exchange, now) }
    kept.set(exchange.id, after)
    return { before, after }
  }

  function forget(): void {
    if (kept.size <= RECORDS_MAX) return
    const ended = [...kept.values()].filter(({ endedAt }) => endedAt !== null)
    ended.sort((a, b) => a.sentAt - b.sentAt)
    for (const { id, sentAt } of ended.slice(0, kept.size - RECORDS_MAX)) {
      kept.delete(id)
      forgottenUntil = Math.max(forgottenUntil, sentAt)
    }
  }

  return {
    take,
    list: () => [...kept.values()].sort((a, b) => b.sentAt - a.sentAt),
  }
}

function newsAt(before: ExchangeRecord | undefined, exchange: Exchange, now: number): readonly number[] {
  const known = before?.newsAt ?? []
  const hasMore = (exchange.events ?? 0) > (before?.events ?? 0)
  return hasMore ? [...known, exchange.endedAt ?? now].slice(-NEWS_MAX) : known
}
