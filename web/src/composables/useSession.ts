// The person that this browser is to the server: finds out, becomes a guest, renames.
//
// App owns the one session of the page. The token lives in an HttpOnly cookie
// that no script can read; all the page knows is the user. Starting retries
// for ever, for a server that is away comes back.
import { onScopeDispose, ref, shallowRef } from 'vue'
import type { Ref, ShallowRef } from 'vue'
import { isPassing, isUnknownCaller, Refused } from '../api/client'
import { askedDelayMs, createPause, retryDelayMs } from '../api/retry'
import type { User } from '../api/types'
import { browser, client } from '../browser'
import { onWake } from '../feed/wakeups'

/** `visitor`: the server takes no guests, so this page can only read. */
export type SessionState = 'starting' | 'known' | 'visitor'

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
    try {
      const me = await client.fetchMe()
      become(me.user)
      return me.cursor
    } catch (error) {
      if (!isUnknownCaller(error)) throw error
    }
    await arrive()
    return undefined
  }

  async function arrive(): Promise<void> {
    const lastName = user.value?.name
    try {
      become(await client.becomeGuest(locale, lastName).catch((error: unknown) => nameless(error, lastName)))
    } catch (error) {
      if (isPassing(error)) throw error
      user.value = null
      state.value = 'visitor'
    }
  }

  /** The old name may be taken by now; any name is better than none. */
  function nameless(error: unknown, lastName: string | undefined): Promise<User> {
    if (lastName === undefined || !(error instanceof Refused) || isPassing(error)) throw error
    return client.becomeGuest(locale)
  }

  function become(found: User): void {
    user.value = found
    state.value = 'known'
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
