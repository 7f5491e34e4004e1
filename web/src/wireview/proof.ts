// The proof that nothing of a room is missing, out of its numbers 1, 2, 3 …
//
// Fed by `wireStore` with the pages that this tab hears; and it can count the
// room from its first event, page by page. In an open room that is #1, in a
// closed one the event that my stay began with. A hole in what was heard is
// read again, from the last page that had none before it, until the server
// answers; one that stays then is shown, for the page claims nothing that its
// numbers do not say.
import type { Platform } from '../api/platform'
import { createRetry } from '../api/retry'
import type { EventPage, RoomEvent } from '../api/types'
import { createSpans } from './spans'
import type { Span } from './spans'

/** The most that the server gives in one page. */
export const COUNT_PAGE = 1000

export interface ProofState {
  /** The known numbers up to the newest, without a hole; null before the first. */
  span: Span | null
  /** Whether `span` goes from the first event that I may read to the newest. */
  isWhole: boolean
  /** The numbers that are missing among those that were heard or counted. */
  holes: readonly Span[]
  /** How far the count has come; null before it began. */
  countedTo: number | null
  isCounting: boolean
  /** The last reading broke off. */
  hasFailed: boolean
}

/** Events as a tab hears them: after a cursor. */
export interface HeardPage {
  from: string
  events: readonly RoomEvent[]
}

/** Reads a page of the room's events after a cursor, or from the `start`. */
export type ReadEvents = (after: string, limit: number, signal: AbortSignal) => Promise<EventPage>

export interface Proof {
  hear(page: HeardPage): void
  /** Goes on from where the last count ended, over at most `pages` pages of `limit`. */
  count(pages?: number, limit?: number): Promise<void>
  read(): ProofState
  stop(): void
}

export interface ProofOptions {
  /** The slug of the room. */
  room: string
  readEvents: ReadEvents
  /** My id: between my leaving a room and my coming back, it goes on without me. */
  me: () => number | undefined
  platform: Pick<Platform, 'clock' | 'random'>
  onChange(): void
}

export function createProof({ room, readEvents, me, platform, onChange }: ProofOptions): Proof {
  const spans = createSpans()
  const abort = new AbortController()
  const retry = createRetry(platform)
  /** The numbers with which I left: a hole after one of them is none. */
  const partings = new Set<number>()
  let first: number | null = null
  let countedTo: number | null = null
  let countCursor = 'start'
  let hasCountedAll = false
  let firstHeard = Infinity
  /** Where the page began that told the newest event without a hole before it: whatever is missing comes later. */
  let soundCursor: string | null = null
  let reading = 0
  let hasFailed = false

  function take(events: readonly RoomEvent[]): number[] {
    const numbers: number[] = []
    for (const event of events) {
      const { number } = event
      if (event.room !== room || number === undefined) continue
      numbers.push(number)
      spans.add(number)
      if (event.type === 'member_left' && event.by?.id === me()) partings.add(number)
    }
    return numbers
  }

  /** Numbers between the counted and the heard are not missing, only not counted yet. */
  function holes(): Span[] {
    const between = spans.holes().filter((hole) => !partings.has(hole.first - 1))
    return between.filter((hole) => hole.last <= (countedTo ?? 0) || hole.first > firstHeard)
  }

  function hear({ from, events }: HeardPage): void {
    soundCursor ??= from
    const numbers = take(events)
    firstHeard = Math.min(firstHeard, ...numbers)
    // Its end proves nothing: what is missing may have been the last of the page, or all of it.
    if (holes().length === 0) soundCursor = numbers.length > 0 ? from : soundCursor
    else if (reading === 0) void work(() => readHoles(soundCursor ?? 'start'))
    onChange()
  }

  function count(pages = Infinity, limit = COUNT_PAGE): Promise<void> {
    return work(async () => {
      for (let page = 0; page < pages && (await countPage(limit)); page += 1) onChange()
      if (holes().length > 0) await readHoles('start')
    })
  }

  /** Returns whether there may be more. */
  async function countPage(limit: number): Promise<boolean> {
    const page = await readEvents(countCursor, limit, abort.signal)
    const numbers = take(page.events)
    first ??= numbers[0] ?? null
    countedTo = Math.max(countedTo ?? 0, ...numbers)
    countCursor = page.cursor
    hasCountedAll ||= page.events.length < limit
    return page.events.length >= limit
  }

  async function readHoles(after: string): Promise<void> {
    for (let hasMore = true; hasMore && holes().length > 0; ) {
      const from = after
      const page = await retry.until(() => readEvents(from, COUNT_PAGE, abort.signal), () => abort.signal.aborted)
      if (!page) throw new Error('the missing events cannot be read')
      take(page.events)
      after = page.cursor
      hasMore = page.events.length >= COUNT_PAGE
    }
  }

  async function work(task: () => Promise<void>): Promise<void> {
    if (abort.signal.aborted) return
    reading += 1
    hasFailed = false
    onChange()
    try {
      await task()
    } catch {
      hasFailed = !abort.signal.aborted
    } finally {
      reading -= 1
      onChange()
    }
  }

  function read(): ProofState {
    const span = spans.list().at(-1) ?? null
    const gap = spans.holes().at(-1)
    const isMyStay = gap !== undefined && partings.has(gap.first - 1)
    const isWhole = hasCountedAll && span !== null && (span.first === first || isMyStay)
    return { span, isWhole, holes: holes(), countedTo, isCounting: reading > 0, hasFailed }
  }

  function stop(): void {
    abort.abort()
    retry.end()
  }

  return { hear, count, read, stop }
}
