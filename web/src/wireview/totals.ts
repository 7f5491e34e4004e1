// The costs of each way of asking so far: in requests, bytes and delay.
//
// Fed by `wireStore` with each change of an exchange. Counted is what was seen,
// nothing is reckoned up: a way that was not tried has no numbers. The time that
// a way was in use goes from one of its requests to the next request for events,
// whatever way that one goes, so the pauses of a short poll belong to it.
import type { Transport } from '../wire/protocol'
import type { Change, ExchangeRecord } from './records'

/** A lid may close between two requests; after this nobody was asking any more. */
const PAUSE_MS_MAX = 60_000
/** The median is taken of this many of the last delays. */
export const DELAYS_MAX = 201

export interface Total {
  /** How long this way was in use. */
  ms: number
  requests: number
  /** Answers that said: no news. */
  empty: number
  cut: number
  bytes: number
  /** From the server's clock at an event to its arrival here; null before the first event. */
  delayMs: number | null
}

export interface Totals {
  /** Counts what a change adds. */
  count(change: Change): void
  /** Takes one event's delay. */
  delay(transport: Transport, ms: number): void
  /** Returns the sums at the time `now`, the running request with its share. */
  read(now: number): { [transport in Transport]: Total }
}

interface Sum {
  ms: number
  requests: number
  empty: number
  cut: number
  bytes: number
  delaysMs: number[]
}

export function createTotals(): Totals {
  const sums = { short: emptySum(), long: emptySum(), sse: emptySum() }
  /** The request for events that was sent last: the time since then is its way's. */
  let latest: ExchangeRecord | null = null

  function count({ before, after }: Change): void {
    // A tab that catches up for itself asks once, whatever the way.
    if (after.kind !== 'events' || !after.transport || after.tab !== null) return
    const sum = sums[after.transport]
    if (!before) {
      sum.requests += 1
      begin(after)
    } else if (latest?.id === after.id) {
      latest = after
    }
    sum.bytes += (after.bytes ?? 0) - (before?.bytes ?? 0)
    if (after.outcome === before?.outcome) return
    if (after.outcome === 'empty') sum.empty += 1
    if (after.outcome === 'cut') sum.cut += 1
  }

  function begin(record: ExchangeRecord): void {
    // One that is heard of late began before the latest, and its time is counted.
    if (latest && record.sentAt < latest.sentAt) return
    if (latest?.transport) sums[latest.transport].ms += usedMs(latest, record.sentAt)
    latest = record
  }

  function read(now: number): { [transport in Transport]: Total } {
    const runs = latest
    const of = (transport: Transport): Total => {
      const { delaysMs, ...sum } = sums[transport]
      const runningMs = runs?.transport === transport ? usedMs(runs, now) : 0
      return { ...sum, ms: sum.ms + runningMs, delayMs: median(delaysMs) }
    }
    return { short: of('short'), long: of('long'), sse: of('sse') }
  }

  function delay(transport: Transport, ms: number): void {
    const { delaysMs } = sums[transport]
    delaysMs.push(ms)
    if (delaysMs.length > DELAYS_MAX) delaysMs.shift()
  }

  return { count, delay, read }
}

function emptySum(): Sum {
  return { ms: 0, requests: 0, empty: 0, cut: 0, bytes: 0, delaysMs: [] }
}

/** Returns how long `record` and the pause after it took, when the next began at `until`. */
function usedMs({ sentAt, endedAt }: ExchangeRecord, until: number): number {
  const end = endedAt === null ? until : Math.min(until, endedAt + PAUSE_MS_MAX)
  return Math.max(0, end - sentAt)
}

function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? null
}
