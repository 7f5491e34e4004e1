// A server made of one stubbed `fetch`, which answers when the test says so.
//
// Used by the tests of whatever talks to the API. Each request waits in line
// until it is answered, refused or lost; an aborted one rejects, as in a
// browser. With `answering`, it answers by itself.
import { vi } from 'vitest'

export interface Request {
  line: string
  body: unknown
  isOpen: boolean
  answer(body: object): Promise<void>
  refuse(status: number, headers?: Record<string, string>): Promise<void>
  lose(): Promise<void>
}

export interface FakeServer {
  requests: Request[]
  /** The request lines so far, such as `GET /rooms/tea`. */
  lines(): string[]
  /** The newest request; throws without one. */
  last(): Request
}

export function startFakeServer(answering?: (request: Request) => void): FakeServer {
  const requests: Request[] = []
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    return new Promise((resolve, reject) => {
      const settle = async (act: () => void) => {
        request.isOpen = false
        act()
        await vi.advanceTimersByTimeAsync(0)
      }
      const request: Request = {
        line: `${init.method} ${url.replace('/api/v1', '')}`,
        body: typeof init.body === 'string' ? JSON.parse(init.body) : null,
        isOpen: true,
        answer: (body) => settle(() => resolve(response(200, body))),
        refuse: (status, headers) => settle(() => resolve(response(status, { status }, headers))),
        lose: () => settle(() => reject(new TypeError('Load failed'))),
      }
      init.signal?.addEventListener('abort', () => {
        request.isOpen = false
        reject(new DOMException('aborted', 'AbortError'))
      })
      requests.push(request)
      answering?.(request)
    })
  })
  return {
    requests,
    lines: () => requests.map(({ line }) => line),
    last: () => {
      const last = requests.at(-1)
      if (!last) throw new Error('no request was made')
      return last
    },
  }
}

function response(status: number, body: object, headers: Record<string, string> = {}): unknown {
  return { ok: status < 400, status, headers: new Headers(headers), json: () => Promise.resolve(body) }
}
