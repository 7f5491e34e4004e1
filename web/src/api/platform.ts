// The surroundings of the code that talks to the server, as it is handed them.
//
// `browser.ts` has the real ones, the tests have others. Code that gets
// everything from here runs in a page and in a worker alike.

export interface Clock {
  /** Milliseconds since some moment; goes only forward, whatever time the computer is set to. */
  now(): number
  /** The computer's time in ms since 1970: for people to read, for it may jump. */
  date(): number
  /** Calls `act` once after `ms`, and returns the function that prevents it. */
  after(ms: number, act: () => void): () => void
}

export interface Platform {
  fetch(url: string, init: RequestInit): Promise<Response>
  clock: Clock
  /** Returns a number from 0 up to 1. */
  random(): number
  /** Whether this computer has a network at all. */
  isOnline(): boolean
}
