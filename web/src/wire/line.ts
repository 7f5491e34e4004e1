// The way from this code to the server: the browser's fetch, and what is around it.
//
// The engine has a line, and each tab one of its own for history and people.
// All that goes over it carries the session's token, where there is one because
// cookies do not work.
import { createClient } from '../api/client'
import type { Client } from '../api/client'
import type { Platform } from '../api/platform'

export interface Line {
  client: Client
  /** The platform of all that talks over this line. */
  platform: Platform
  /** From now on requests carry this token; without one, the cookie is all there is. */
  setToken(token: string | undefined): void
}

export function createLine(base: Platform): Line {
  let token: string | undefined

  function fetch(url: string, init: RequestInit): Promise<Response> {
    if (token === undefined) return base.fetch(url, init)
    const headers = new Headers(init.headers)
    headers.set('Authorization', `Bearer ${token}`)
    return base.fetch(url, { ...init, headers })
  }

  const platform = { ...base, fetch }
  return { client: createClient(platform), platform, setToken: (now) => void (token = now) }
}
