// When to try again: the growing delay, and a pause that can be cut short.
//
// Called by all that talk to the server for ever: the engine's loop, the outbox, the
// session. It decides nothing about errors but how long to wait.
import { Refused } from './client'
import type { Clock } from './platform'

const DELAY_MS_MIN = 1000
const DELAY_MS_MAX = 30_000
/** A server that asks for more than this is asked again anyway. */
const RETRY_AFTER_MS_MAX = 300_000

/**
 * Returns how long to wait after the `failures`-th failure in a row, 1 to 30 s.
 *
 * Half of it is chance, so that clients which were cut off together do not
 * come back together. A Retry-After is a lower bound.
 */
export function retryDelayMs(failures: number, error: unknown, random: () => number): number {
  const ceiling = Math.min(DELAY_MS_MAX, 2 * DELAY_MS_MIN * 2 ** (failures - 1))
  const delay = ceiling / 2 + (random() * ceiling) / 2
  return Math.max(delay, askedDelayMs(error))
}

/** Returns the Retry-After of a refusal, in ms, 0 without one. */
export function askedDelayMs(error: unknown): number {
  if (!(error instanceof Refused)) return 0
  return Math.min(error.retryAfterMs ?? 0, RETRY_AFTER_MS_MAX)
}

export interface Pause {
  /** Says that an attempt begins: an earlier `cut` has been heeded. */
  begin(): void
  /** Waits `ms`; a `cut` since the attempt began ends the wait early, but not before `firmMs`. */
  wait(ms: number, firmMs?: number): Promise<void>
  /** Ends the wait, or the next one, for the network may be back. */
  cut(): void
  /** Ends this wait and all later ones at once, and leaves no timer behind. */
  end(): void
}

export function createPause(clock: Clock): Pause {
  let isCut = false
  let isEnded = false
  let wake: (() => void) | null = null
  let shorten: (() => void) | null = null

  function wait(ms: number, firmMs = 0): Promise<void> {
    return new Promise((resolve) => {
      if (isEnded) return resolve()
      const startedAt = clock.now()
      wake = () => {
        cancel()
        wake = null
        shorten = null
        resolve()
      }
      let cancel = clock.after(isCut ? firmMs : ms, wake)
      shorten = () => {
        cancel()
        if (wake) cancel = clock.after(Math.max(0, startedAt + firmMs - clock.now()), wake)
      }
    })
  }

  function cut(): void {
    isCut = true
    shorten?.()
  }

  function end(): void {
    isEnded = true
    wake?.()
  }

  return { begin: () => (isCut = false), wait, cut, end }
}
