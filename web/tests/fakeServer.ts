// A server made of one `fetch`, which answers when the test says so.
//
// Used by the tests of all that talk to the API: in place of the browser's own
// `fetch`, or handed to the engine. Each request waits in line until it is
// answered, refused or lost; an aborted one rejects, as in a browser. With
// `answering`, it answers by itself.
import { vi } from 'vitest'
import type { Platform } from '../src/api/platform'

export interface Request {
  line: string
  body: unknown
  headers: Headers
  isOpen: boolean
  answer(body: object): Promise<void>
  /** Answers 204, without a body. */
  accept(): Promise<void>
  refuse(status: number, headers?: Record<string, string>, problem?: object): Promise<void>
  lose(): Promise<void>
}

export interface FakeServer {
  requests: Request[]
  /** The request lines so far, such as `GET /rooms/tea`. */
  lines(): string[]
  /** The newest request; throws without one. */
  last(): Request
}

/** Puts a fake server in place of the browser's `fetch`. */
export function startFakeServer(answering?: (request: Request) => void): FakeServer {
  const server = createFakeServer(async () => void (await vi.advanceTimersByTimeAsync(0)), answering)
  vi.stubGlobal('fetch', server.fetch)
  return server
}

/** `settle` resolves when all that follows from an answer has been done. */
export function createFakeServer(
  settle: () => Promise<void>,
  answering?: (request: Request) => void,
): FakeServer & Pick<Platform, 'fetch'> {
  const requests: Request[] = []
  const fetch = (url: string, init: RequestInit) => {
    return new Promise<Response>((resolve, reject) => {
      const close = (act: () => void) => {
        request.isOpen = false
        act()
        return settle()
      }
      const request: Request = {
        line: `${init.method} ${url.replace('/api/v1', '')}`,
        body: typeof init.body === 'string' ? JSON.parse(init.body) : null,
        headers: new Headers(init.headers),
        isOpen: true,
        answer: (body) => close(() => resolve(response(200, body))),
        accept: () => close(() => resolve(response(204))),
        refuse: (status, headers, problem) => close(() => resolve(response(status, { status, ...problem }, headers))),
        lose: () => close(() => reject(new TypeError('Load failed'))),
      }
      init.signal?.addEventListener('abort', () => {
        request.isOpen = false
        reject(new DOMException('aborted', 'AbortError'))
      })
      requests.push(request)
      answering?.(request)
    })
  }
  return {
    fetch,
    requests,
    lines: () => requests.map(({ line }) => line),
    last: () => {
      const last = requests.at(-1)
      if (!last) throw new Error('no request was made')
      return last
    },
  }
}

function response(status: number, body?: object, headers: Record<string, string> = {}): Response {
  const answer: Partial<Response> = {
    ok: status < 400,
    status,
    headers: new Headers(headers),
    json: () => (body ? Promise.resolve(body) : Promise.reject(new SyntaxError('no JSON'))),
  }
  return answer as Response
}
