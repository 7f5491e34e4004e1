// The loop of requests for events: one at a time, each after the cursor of the last.
//
// The engine owns one, and hears what it finds. A success leads to the next
// request at once, without a timer, because browsers slow a hidden page's timers
// down. `wake` and `askAgain` hurry the loop and never start a second.
import { Refused } from '../api/client'
import type { Client, FeedQuestion } from '../api/client'
import type { Platform } from '../api/platform'
import { askedDelayMs, createPause, retryDelayMs } from '../api/retry'
import type { EventPage } from '../api/types'
import { createLadder } from './ladder'
import type { Plan } from './ladder'
import type { Connection, Mode, Transport } from './protocol'
import { createLongPoll } from './transports/longPoll'
import { createShortPoll } from './transports/shortPoll'
import { createSse } from './transports/sse'
import type { Ask, Hearing } from './transports/transport'

/** A server that answers empty at once is asked again after this, doubling up to the second. */
const EMPTY_PAUSE_MS_MIN = 250
const EMPTY_PAUSE_MS_MAX = 4000
/** A request that took at least this long was held. */
const HELD_MS_MIN = 1000
/** `online`, `pageshow` and `visibilitychange` come together; one look serves all. */
const WAKE_APART_MS = 1000

/** Hears all that the loop finds out, in order, and nothing after `stop`. */
export interface LoopListener {
  /** Returns the rooms to ask for; null while there is nobody to ask for. */
  rooms(): readonly string[] | null
  /** A request is out. */
  onAsked(question: FeedQuestion): void
  onPage(page: EventPage, question: FeedQuestion): void
  /** The connection, or when the server was heard last, has changed. */
  onLink(): void
  /** The server said no to a request; the loop asks again later. */
  onRefused(refusal: Refused, question: FeedQuestion): void
}

export interface Loop {
  /** Begins at `cursor`, or from now on. Later calls do nothing. */
  start(cursor: string | null): void
  /**
   * Makes a look begin soon, for the connection may have died unnoticed.
   *
   * At the latest in a second, or when the server's Retry-After is over.
   */
  wake(): void
  /** Asks anew at once, because what is to be asked has changed. */
  askAgain(): void
  stop(): void
  /** From now on events are fetched in this mode; the interval is a short poll's. */
  choose(mode: Mode, intervalMs: number): void
  plan(): Plan
  /** Whether there was nobody to ask for. */
  isResting(): boolean
  cursor(): string | null
  connection(): Connection
  /** When the request that is held now went out, in ms since 1970. */
  heldSince(): number | null
  heardAt(): number | null
}

export function createLoop(client: Client, platform: Platform, listener: LoopListener): Loop {
  const { clock } = platform
  const pause = createPause(clock)
  const ladder = createLadder(clock)
  const asks: Record<Transport, Ask> = {
    sse: createSse(client, clock),
    long: createLongPoll(client),
    short: createShortPoll(client, clock, () => ladder.plan().intervalMs),
  }
  let isRunning = false
  let isStopped = false
  let connection: Connection = 'connecting'
  let cursor: string | null = null
  let heldSince: number | null = null
  let heardAt: number | null = null
  let failures = 0
  let emptyInARow = 0
  let pagesWithNews = 0
  /** The last request failed, or may have died, or there was none yet: the next look is a short one. */
  let isTroubled = true
  let inFlight: AbortController | null = null
  /** Whether the request in flight was given up for another. */
  let isGivenUp = false
  let lookedAt = -Infinity
  let cancelLook: (() => void) | null = null
  /** Ends the rest of a loop that has nobody to ask for. */
  let endRest: (() => void) | null = null

  function start(firstCursor: string | null): void {
    if (isRunning || isStopped) return
    isRunning = true
    cursor = firstCursor
    void run()
  }

  async function run(): Promise<void> {
    while (!isStopped) {
      const rooms = listener.rooms()
      try {
        if (rooms) await step(rooms)
        else await new Promise<void>((resolve) => (endRest = resolve))
      } catch (error) {
        if (isStopped) return
        if (isGivenUp) isGivenUp = false
        else await recover(error)
      }
    }
  }

  async function step(rooms: readonly string[]): Promise<void> {
    // At first, and after trouble, the look is a short one: whether the
    // connection works is then known at once, not after a hold.
    const isLook = isTroubled || cursor === null
    const plan = ladder.plan()
    const question = { after: cursor ?? 'latest', holdS: isLook ? 0 : plan.holdS, rooms }
    const startedAt = clock.now()
    const pagesBefore = pagesWithNews
    try {
      await request(isLook ? asks.long : asks[plan.transport], question, plan)
    } catch (error) {
      if (isLook || isGivenUp || !platform.isOnline()) throw error
      ladder.hasEnded(plan, clock.now() - startedAt, error)
      if (ladder.plan().transport === plan.transport) throw error
      // Another one may get through at once.
      isTroubled = true
      return
    }
    if (isGivenUp) return
    const tookMs = clock.now() - startedAt
    if (!isLook) ladder.hasEnded(plan, tookMs)
    const wasHeld = isLook || plan.transport === 'short' || tookMs >= HELD_MS_MIN
    await slowDown(pagesWithNews > pagesBefore || wasHeld)
  }

  /** Waits for a moment where the server answers at once without news. */
  async function slowDown(isWorthwhile: boolean): Promise<void> {
    if (isWorthwhile) {
      emptyInARow = 0
      return
    }
    await pause.wait(Math.min(EMPTY_PAUSE_MS_MAX, EMPTY_PAUSE_MS_MIN * 2 ** emptyInARow))
    emptyInARow += 1
  }

  async function request(ask: Ask, question: FeedQuestion, plan: Plan): Promise<void> {
    const abort = new AbortController()
    inFlight = abort
    isGivenUp = false
    heldSince = plan.transport === 'short' || question.holdS > 0 || ask === asks.sse ? clock.date() : null
    // All calls of `wake` so far wanted a look that begins after them: this one.
    pause.begin()
    let { after } = question
    const hearing: Hearing = {
      onPage(page) {
        // Other rooms may be asked for since: this answer may leave some out.
        if (abort.signal.aborted) return
        isTroubled = false
        listener.onPage(page, { ...question, after })
        cursor = page.cursor
        after = page.cursor
        if (page.events.length > 0) pagesWithNews += 1
        hear(page.events.length > 0)
      },
      onSign() {
        if (abort.signal.aborted) return
        hear(false)
        listener.onLink()
      },
    }
    function hear(hasNews: boolean): void {
      failures = 0
      heardAt = clock.date()
      ladder.wasHeard(plan.transport, hasNews)
      say('connected')
      // Another transport is better by now, and this one would go on.
      if (ladder.plan().transport !== plan.transport) giveUp()
    }
    try {
      const asking = ask(question, hearing, abort.signal)
      listener.onAsked(question)
      await asking
    } catch (error) {
      if (error instanceof Refused) listener.onRefused(error, question)
      throw error
    } finally {
      inFlight = null
      heldSince = null
      forgetLook()
    }
  }

  async function recover(error: unknown): Promise<void> {
    failures += 1
    isTroubled = true
    // One lost request is no news: the next usually gets through.
    if (!platform.isOnline()) say('offline')
    else if (failures > 1) say('reconnecting')
    await pause.wait(retryDelayMs(failures, error, platform.random), askedDelayMs(error))
  }

  function say(next: Connection): void {
    if (next === connection) return
    connection = next
    listener.onLink()
  }

  function wake(): void {
    if (!isRunning || isStopped) return
    pause.cut()
    // Without a request the next one is about to begin, after this wake.
    if (!inFlight || cancelLook) return
    // Counted from the last look, not from the last answer: in a busy room
    // every request is young, and the network may go at any moment.
    const waitMs = lookedAt + WAKE_APART_MS - clock.now()
    if (waitMs <= 0) lookAgain()
    else cancelLook = clock.after(waitMs, lookAgain)
  }

  /** Gives the request up that may be dead; the loop then makes a short one. */
  function lookAgain(): void {
    lookedAt = clock.now()
    isTroubled = true
    giveUp()
  }

  function askAgain(): void {
    pause.cut()
    giveUp()
    endRest?.()
    endRest = null
  }

  function giveUp(): void {
    forgetLook()
    if (!inFlight) return
    isGivenUp = true
    inFlight.abort()
  }

  function forgetLook(): void {
    cancelLook?.()
    cancelLook = null
  }

  function stop(): void {
    isStopped = true
    giveUp()
    endRest?.()
    pause.end()
  }

  return {
    start,
    wake,
    askAgain,
    stop,
    choose(mode, intervalMs) {
      ladder.choose(mode, intervalMs)
      askAgain()
    },
    plan: ladder.plan,
    isResting: () => endRest !== null,
    cursor: () => cursor,
    connection: () => connection,
    heldSince: () => heldSince,
    heardAt: () => heardAt,
  }
}
