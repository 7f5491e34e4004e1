// The browser that this page runs in, as the platform of the code beneath.
//
// Used by the composables, which hand it on. Everything is looked up when it is
// called.
import type { Platform } from './api/platform'

export const browser: Platform = {
  fetch: (url, init) => fetch(url, init),
  clock: {
    now: () => performance.now(),
    date: () => Date.now(),
    after: (ms, act) => {
      const timer = setTimeout(act, ms)
      return () => clearTimeout(timer)
    },
  },
  random: () => Math.random(),
  isOnline: () => navigator.onLine,
}
