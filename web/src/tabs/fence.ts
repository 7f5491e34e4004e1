// Fences: the number of an engine that lives in a tab, so that the older one is known.
//
// A tab that was frozen may believe that it still has the engine. Each engine
// gets a number above all before it and puts it on all that it says; whatever
// has a lower one is not heeded.

export interface Fence {
  number: number
  /** Decides between two that were made at the same moment. */
  tab: string
}

export const NO_FENCE: Fence = { number: 0, tab: '' }

const KEY = 'linger.fence'

export function isNewer(one: Fence, other: Fence): boolean {
  return one.number > other.number || (one.number === other.number && one.tab > other.tab)
}

/** Returns a fence for this tab, above `newest` and above all that this browser remembers. */
export function nextFence(newest: Fence, tab: string): Fence {
  const number = Math.max(newest.number, readNumber()) + 1
  try {
    localStorage.setItem(KEY, String(number))
  } catch {
    // Without it the others' words tell the newest number.
  }
  return { number, tab }
}

function readNumber(): number {
  try {
    return Number(localStorage.getItem(KEY)) || 0
  } catch {
    return 0
  }
}
