// Notices that the engine is silent.
//
// The station owns one, which asks the engine at each beat and counts the beats
// without an answer. Beats are counted, not time: a tab that was busy itself
// has late beats, and finds the answers waiting for it.
import type { Clock } from '../api/platform'

/** Three beats without an answer, and an engine that begins, take less than 2 s. */
const BEAT_MS = 300
const SILENT_BEATS_MAX = 3
/** Enough for the engine to know that a hidden tab is there. Browsers slow it down to a minute. */
const HIDDEN_BEAT_MS = 30_000
const HIDDEN_SILENT_BEATS_MAX = 2

export interface HeartbeatOptions {
  clock: Clock
  isVisible(): boolean
  ask(): void
  onSilent(): void
}

export interface Heartbeat {
  /** Begins to count, with `patience` more beats than usual. */
  start(patience?: number): void
  /** The engine was heard. */
  heard(): void
  /** The tab is seen or hidden now: the next beat comes at once. */
  hurry(): void
  stop(): void
}

export function createHeartbeat({ clock, isVisible, ask, onSilent }: HeartbeatOptions): Heartbeat {
  let silentBeats = 0
  /** Whether an engine has been heard since `start`: a page in the background needs one to begin with. */
  let isFound = false
  let cancel: (() => void) | null = null

  function beat(): void {
    const isQuick = isVisible() || !isFound
    // Set before anybody is told: the next engine starts the beats anew, and two rows of them would count double.
    cancel = clock.after(isQuick ? BEAT_MS : HIDDEN_BEAT_MS, beat)
    if (silentBeats >= (isQuick ? SILENT_BEATS_MAX : HIDDEN_SILENT_BEATS_MAX)) {
      silentBeats = 0
      return onSilent()
    }
    silentBeats += 1
    ask()
  }

  function hurry(): void {
    if (!cancel) return
    cancel()
    silentBeats = 0
    beat()
  }

  function stop(): void {
    cancel?.()
    cancel = null
  }

  return {
    start(patience = 0) {
      stop()
      isFound = false
      silentBeats = -patience
      beat()
    },
    heard() {
      silentBeats = 0
      isFound = true
    },
    hurry,
    stop,
  }
}
