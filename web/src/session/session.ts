// The person that this browser is to the server: finds out, becomes a guest.
//
// The engine runs one for all tabs. The token lives in an HttpOnly cookie that
// no script can read. Where the browser does not keep that cookie, the token of
// the guest is kept here in memory, and serves as bearer until the last tab is
// closed. Being known is tried for ever, for a server that is away comes back;
// guests are made at most one a minute, whatever the server answers.
import { createClient, isPassing, isUnknownCaller, Refused, Unreachable } from '../api/client'
import type { Platform } from '../api/platform'
import { askedDelayMs, createPause, retryDelayMs } from '../api/retry'
import type { Guest, User } from '../api/types'
import type { Database } from '../store/database'
import { createBearer } from '../wire/bearer'
import type { Session } from '../wire/protocol'
import { createGuestLimit } from './guestLimit'
import { createRemembered } from './remembered'

export interface SessionOptions {
  platform: Platform
  database: Database
  onChange(): void
}

export interface SessionKeeper {
  current(): Session
  /** Becomes known. Later calls do nothing. */
  start(locale: string): void
  /** Becomes known again: the server did not know the caller. Resolves when that was tried. */
  renew(): Promise<void>
  /** The person changed at the server. */
  take(user: User): void
  /** A tab brings the token that it had from an engine before this one. */
  adopt(token: string): void
  /** The network may be back: a pause is cut short. */
  wake(): void
  stop(): void
}

export function createSession({ platform, database, onChange }: SessionOptions): SessionKeeper {
  let session: Session = { state: 'starting', user: null }
  /** A token that may serve where the cookie does not: of the guest whom we made, or from a tab. */
  let spare: string | null = null
  const bearer = createBearer(platform)
  const client = createClient({ ...platform, fetch: bearer.fetch })
  const limit = createGuestLimit(database, platform.clock)
  const remembered = createRemembered(database)
  const pause = createPause(platform.clock)
  let locale: string | null = null
  let attempt: Promise<void> | null = null
  let isTrying = false
  let isStopped = false

  function set(next: Session): void {
    const { token } = session
    const isSame = next.user?.id === session.user?.id && next.user?.name === session.user?.name
    session = { ...next, ...(token !== undefined && { token }) }
    if (!isSame) void remembered.save(next.user)
    if (!isStopped) onChange()
  }

  function start(language: string): void {
    if (locale !== null) return
    locale = language
    void remember()
    void keepTrying()
  }

  /** Until the server answers, we are who we were. */
  async function remember(): Promise<void> {
    const user = await remembered.load()
    if (user && session.state === 'starting' && session.user === null) set({ ...session, user })
  }

  /** Tries until the server knows us, or lets us read only. */
  async function keepTrying(): Promise<void> {
    if (isTrying) return
    isTrying = true
    for (let tries = 1; !isStopped; tries += 1) {
      pause.begin()
      const error: unknown = await renew().catch((reason: unknown) => reason)
      if (session.state !== 'starting' && session.state !== 'unrecognized') break
      await pause.wait(retryDelayMs(tries, error, platform.random), askedDelayMs(error))
    }
    isTrying = false
  }

  /** Many may notice at the same moment; one attempt serves all. */
  function renew(): Promise<void> {
    attempt ??= findOut().finally(() => (attempt = null))
    return attempt
  }

  async function findOut(): Promise<void> {
    if (!(await isRecognized())) await arrive()
  }

  /** Asks by the cookie, and where the browser does not bring it, by the token. */
  async function isRecognized(): Promise<boolean> {
    if (await recognize()) return true
    if (spare !== null && session.token === undefined) {
      ride(spare)
      if (await recognize()) return true
    }
    if (session.token !== undefined) ride(undefined)
    return false
  }

  /** From now on rides on a token, or on the cookie again. */
  function ride(token: string | undefined): void {
    const { token: _, ...others } = session
    session = { ...others, ...(token !== undefined && { token }) }
    bearer.setToken(token)
    // A token that does not serve any more must not go with the engine's requests.
    if (token === undefined && !isStopped) onChange()
  }

  /** Asks the server who we are; false where it does not know us. */
  async function recognize(): Promise<boolean> {
    try {
      const { user } = await client.fetchMe()
      set({ state: 'known', user })
      await limit.forgive()
      return true
    } catch (error) {
      if (isUnknownCaller(error)) return false
      if (!isBan(error)) throw error
      set({ state: 'banned', user: session.user, ...said(error) })
      return true
    }
  }

  async function arrive(): Promise<void> {
    const permit = await limit.take()
    if (permit.kind === 'too_soon') {
      if (!permit.isMade) throw new Unreachable('whether the server made a guest is not known')
      set({ state: 'unrecognized', user: session.user })
      void keepTrying()
      return
    }
    const before = session
    try {
      const guest = await becomeGuest(before.user?.name)
      await limit.made()
      spare = guest.token
      // The last guest was not known again. Only the server can say whether this one is.
      set({ state: before.state === 'unrecognized' ? 'unrecognized' : 'known', user: guest.user })
    } catch (error) {
      if (!isNo(error)) throw error
      await limit.giveBack()
      if (isPassing(error)) throw error
      set({ state: isBan(error) ? 'banned' : 'visitor', user: null, ...said(error) })
      return
    }
    await confirm()
  }

  /** The old name may be taken by now; any name is better than none. */
  async function becomeGuest(lastName: string | undefined): Promise<Guest> {
    const language = locale ?? 'en'
    try {
      return await client.becomeGuest(language, lastName)
    } catch (error) {
      if (lastName === undefined || !isNo(error) || isPassing(error)) throw error
      return client.becomeGuest(language)
    }
  }

  /** Finds out whether the new guest's cookie comes back, before a text is refused for it. */
  async function confirm(): Promise<void> {
    const isKnown = await isRecognized().catch(() => true)
    if (isKnown) return
    set({ state: 'unrecognized', user: session.user })
    void keepTrying()
  }

  function take(user: User): void {
    if (session.user?.id === user.id && session.user.name !== user.name) set({ ...session, user })
  }

  function adopt(token: string): void {
    const isUnknown = session.state === 'starting' || session.state === 'unrecognized'
    if (isUnknown && session.token === undefined) spare ??= token
  }

  function stop(): void {
    isStopped = true
    pause.end()
  }

  return { current: () => session, start, renew, take, adopt, wake: pause.cut, stop }
}

/** Says whether the server said no, so that nothing was done. */
function isNo(error: unknown): error is Refused {
  return error instanceof Refused && error.problem.status < 500
}

function isBan(error: unknown): boolean {
  return error instanceof Refused && error.problem.status === 403 && error.problem.code === 'banned'
}

function said(error: unknown): { detail?: string } {
  const detail = error instanceof Refused ? error.problem.detail : undefined
  return detail === undefined ? {} : { detail }
}
