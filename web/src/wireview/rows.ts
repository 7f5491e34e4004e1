// The rows of the time line, as the drawer lists them: which, and where their bars lie.
//
// Called by `useWire` at each tick. Pure: exchanges and a time go in, rows come
// out. Places on the axis are in percent of the last minute, from its beginning.
import type { Exchange } from '../wire/protocol'
import type { ExchangeRecord } from './records'

/** The axis goes from a minute ago to now: two holds of 25 s fit. */
export const AXIS_MS = 60_000
/** Shown however old they are, so that the list is not empty in a background tab's first second. */
const ROWS_MIN = 6
/** A minute of short polling each second, and what else was sent. */
const ROWS_MAX = 70
/** An answer that comes at once still leaves a mark. */
const BAR_PERCENT_MIN = 0.4

export interface Bar {
  from: number
  to: number
  /** Where news came in. */
  news: readonly number[]
}

export interface Row {
  exchange: Exchange
  /** Null where all of it was more than a minute ago. */
  bar: Bar | null
  /** How long it took, or takes so far. */
  tookMs: number
  /** Part of the hold that is over, 0 to 1; null while nothing is held. */
  held: number | null
}

/** Returns the rows to show at `now`, newest first. */
export function arrangeRows(records: readonly ExchangeRecord[], now: number): Row[] {
  return records
    .slice(0, ROWS_MAX)
    .filter(({ endedAt }, at) => at < ROWS_MIN || endedAt === null || endedAt > now - AXIS_MS)
    .map((record) => arrangeRow(record, now))
}

function arrangeRow(record: ExchangeRecord, now: number): Row {
  const end = record.endedAt ?? now
  // Another clock's future is now.
  const tookMs = Math.max(0, end - record.sentAt)
  return { exchange: record, bar: placeBar(record, end, now), tookMs, held: heldShare(record, tookMs) }
}

function placeBar({ sentAt, newsAt }: ExchangeRecord, end: number, now: number): Bar | null {
  if (end <= now - AXIS_MS) return null
  const place = (at: number) => Math.min(100, Math.max(0, 100 - ((now - at) / AXIS_MS) * 100))
  const to = Math.max(place(end), BAR_PERCENT_MIN)
  const news = newsAt.filter((at) => at > now - AXIS_MS).map(place)
  return { from: Math.min(place(sentAt), to - BAR_PERCENT_MIN), to, news }
}

/** A held request waits for its hold; an open stream waits for as long as it is open. */
function heldShare({ kind, transport, holdS, endedAt }: Exchange, tookMs: number): number | null {
  if (kind !== 'events' || endedAt !== null) return null
  if (transport === 'sse') return 1
  return holdS ? Math.min(1, tookMs / (holdS * 1000)) : null
}

/** Returns the end of a cursor, enough to see whether it moved; from a dash on, if there is one. */
export function shortCursor(cursor: string): string {
  if (cursor.length <= 8) return cursor
  const end = cursor.slice(-6)
  return `…${end.slice(Math.max(0, end.lastIndexOf('-')))}`
}
