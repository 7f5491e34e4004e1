// The person that this browser is to the server: finds out, becomes a guest, renames.
//
// App owns the one session of the page. The token lives in an HttpOnly cookie
// that no script can read; all the page knows is the user. Starting retries
// for ever, for a server that is away comes back. A server that does not know
// the guest whom it has just made (cookies are blocked, a proxy signs in by
// itself) is not asked for one more each time.
import { onScopeDispose, ref, shallowRef } from 'vue'
import type { Ref, ShallowRef } from 'vue'
import { isPassing, isUnknownCaller, Refused } from '../api/client'
import { askedDelayMs, createPause, retryDelayMs } from '../api/retry'
import type { Guest, Me, User } from '../api/types'
import { browser, client } from '../browser'
import { onWake } from '../tabs/wakeups'

/**
 * `visitor`: the server takes no guests, so this page can only read.
 * `unrecognized`: the server made a guest and does not know it again.
 */
export type SessionState = 'starting' | 'known' | 'visitor' | 'unrecognized'

/** The wait for another guest after one that the server did not know again; doubled each time. */
const GUESTS_APART_MS_MIN = 60_000
const GUESTS_APART_MS_MAX = 3_600_000

export interface Session {
  user: ShallowRef<User | null>
  state: Ref<SessionState>
  /** Whether starting has failed at least twice. */
  isTroubled: Ref<boolean>
  /** Resolves once it is known who we are, with the cursor to follow from, if any. */
  start(): Promise<string | undefined>
  /** Rejects as `renameMe` does. */
  rename(name: string): Promise<void>
  /** Becomes somebody again when the server does not know us any more. */
  renew(): Promise<void>
}

export function useSession(locale: string): Session {
  const user = shallowRef<User | null>(null)
  const state = ref<SessionState>('starting')
  const isTroubled = ref(false)
  const pause = createPause(browser.clock)
  let stopped = false
  let renewal: Promise<void> | null = null
  /** Since the server last knew us. */
  let guestsMade = 0
  let nextGuestAt = -Infinity
  let isAsking = false

  async function start(): Promise<string | undefined> {
    for (let failures = 1; !stopped; failures += 1) {
      pause.begin()
      try {
        const cursor = await findOut()
        isTroubled.value = false
        return cursor
      } catch (error) {
        isTroubled.value = failures > 1
        await pause.wait(retryDelayMs(failures, error, browser.random), askedDelayMs(error))
      }
    }
    return undefined
  }

  async function findOut(): Promise<string | undefined> {
    const me = await recognize()
    if (me) return me.cursor
    if (browser.clock.now() < nextGuestAt) {
      state.value = 'unrecognized'
      void keepAsking()
      return undefined
    }
    await arrive()
    // The last guest was not known again. Only the server can say whether this one is.
    if (state.value === 'unrecognized') await recognize()
    return undefined
  }

  /** Asks the server who we are; null where it does not know us. */
  async function recognize(): Promise<Me | null> {
    try {
      const me = await client.fetchMe()
      user.value = me.user
      state.value = 'known'
      guestsMade = 0
      nextGuestAt = -Infinity
      return me
    } catch (error) {
      if (isUnknownCaller(error)) return null
      throw error
    }
  }

  /** Asks less and less often until the server knows us; makes no new guest. */
  async function keepAsking(): Promise<void> {
    if (isAsking) return
    isAsking = true
    for (let tries = 1; state.value === 'unrecognized' && !stopped; tries += 1) {
      pause.begin()
      await pause.wait(retryDelayMs(tries, null, browser.random))
      if (state.value === 'unrecognized' && !stopped) await recognize().catch(() => null)
    }
    isAsking = false
  }

  async function arrive(): Promise<void> {
    const lastName = user.value?.name
    try {
      const guest = await client.becomeGuest(locale, lastName).catch((error: unknown) => nameless(error, lastName))
      user.value = guest.user
      if (state.value !== 'unrecognized') state.value = 'known'
      nextGuestAt = browser.clock.now() + Math.min(GUESTS_APART_MS_MAX, GUESTS_APART_MS_MIN * 2 ** guestsMade)
      guestsMade += 1
    } catch (error) {
      if (isPassing(error)) throw error
      user.value = null
      state.value = 'visitor'
    }
  }

  /** The old name may be taken by now; any name is better than none. */
  function nameless(error: unknown, lastName: string | undefined): Promise<Guest> {
    if (lastName === undefined || !(error instanceof Refused) || isPassing(error)) throw error
    return client.becomeGuest(locale)
  }

  async function rename(name: string): Promise<void> {
    user.value = await client.renameMe(name)
  }

  function renew(): Promise<void> {
    // The feed and the outbox may notice at the same moment; two guests would
    // be one too many.
    renewal ??= findOut()
      .then(() => {})
      .finally(() => (renewal = null))
    return renewal
  }

  const stopWaking = onWake(pause.cut)
  onScopeDispose(() => {
    stopped = true
    stopWaking()
    pause.end()
  })

  return { user, state, isTroubled, start, rename, renew }
}
