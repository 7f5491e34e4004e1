// The session's token, on all that is sent: where cookies do not work.
//
// Innermost of what is around the browser's fetch.
import type { Platform } from '../api/platform'

export interface Bearer {
  fetch: Platform['fetch']
  /** From now on requests carry this token; without one, the cookie is all there is. */
  setToken(token: string | undefined): void
}

export function createBearer({ fetch: send }: Pick<Platform, 'fetch'>): Bearer {
  let token: string | undefined

  function fetch(url: string, init: RequestInit): Promise<Response> {
    if (token === undefined) return send(url, init)
    const headers = new Headers(init.headers)
    headers.set('Authorization', `Bearer ${token}`)
    return send(url, { ...init, headers })
  }

  return { fetch, setToken: (now) => void (token = now) }
}
