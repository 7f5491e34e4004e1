// A proxy of bad habits between the browser and Linger.
//
// Started by the tests of the wire and of the tabs, for a SharedWorker's
// requests cannot be intercepted in a page. It keeps an account of all requests
// that passed, by which a test sees what the page did about the habits.
import { createServer, request } from 'node:http'
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Habits {
  /** Every request that is out for so long is cut, without a word. */
  cutMs?: number
  /** An answer is passed on when it is whole; a stream never is. */
  buffers?: boolean
  /** The connection is closed after each answer. */
  closes?: boolean
  /** There is no network: what is out breaks off, and nothing gets through. */
  isOffline?: boolean
  /** No cookie gets through, in either direction. */
  dropsCookies?: boolean
  /** No `Authorization` gets through. */
  dropsTokens?: boolean
}

export interface Passage {
  /** Such as `GET /api/v1/events?after=…`. */
  line: string
  isStream: boolean
  /** `left`: the page gave it up before anything else came. */
  outcome: 'out' | 'answered' | 'cut' | 'left'
}

export class Proxy {
  readonly passages: Passage[] = []

  private constructor(
    private readonly server: HttpServer,
    readonly habits: Habits,
  ) {}

  static async start(target: string, habits: Habits): Promise<Proxy> {
    const server = createServer((asked, answer) => proxy.pass(target, asked, answer))
    const proxy = new Proxy(server, habits)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  /** The requests for events, in their order. */
  get asked(): Passage[] {
    return this.passages.filter(({ line }) => line.includes('/events'))
  }

  /** Takes the network away: also from what is under way. */
  goOffline(): void {
    this.habits.isOffline = true
    this.server.closeAllConnections()
  }

  goOnline(): void {
    this.habits.isOffline = false
  }

  stop(): void {
    this.server.close()
    this.server.closeAllConnections()
  }

  private pass(target: string, asked: IncomingMessage, answer: ServerResponse): void {
    if (this.habits.isOffline) return void asked.socket.destroy()
    const isStream = asked.headers.accept === 'text/event-stream'
    const passage: Passage = { line: `${asked.method} ${asked.url}`, isStream, outcome: 'out' }
    this.passages.push(passage)
    const { method, url } = asked
    const headers = { ...asked.headers }
    if (this.habits.dropsCookies) delete headers.cookie
    if (this.habits.dropsTokens) delete headers.authorization
    const passed = request(target + url, { method, headers: { ...headers, connection: 'close' } })
    const cut = () => {
      if (passage.outcome === 'out') passage.outcome = 'cut'
      passed.destroy()
      answer.destroy()
    }
    const timer = this.habits.cutMs === undefined ? undefined : setTimeout(cut, this.habits.cutMs)
    passed.on('error', cut)
    answer.on('close', () => {
      clearTimeout(timer)
      if (passage.outcome === 'out') passage.outcome = 'left'
      passed.destroy()
    })
    answer.on('finish', () => (passage.outcome = 'answered'))
    passed.on('response', (response) => void this.answer(response, answer).catch(cut))
    asked.pipe(passed)
  }

  private async answer(response: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { connection: _, 'keep-alive': __, ...headers } = response.headers
    if (this.habits.dropsCookies) delete headers['set-cookie']
    const head = { ...headers, connection: this.habits.closes ? 'close' : 'keep-alive' }
    const parts: Buffer[] = []
    if (!this.habits.buffers) answer.writeHead(response.statusCode ?? 502, head)
    for await (const part of response as AsyncIterable<Buffer>) {
      if (this.habits.buffers) parts.push(part)
      else answer.write(part)
    }
    if (this.habits.buffers) answer.writeHead(response.statusCode ?? 502, head)
    answer.end(Buffer.concat(parts))
  }
}
