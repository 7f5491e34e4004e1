// A proxy between browser and Linger, for faults that no page can be given.
//
// A SharedWorker's requests pass by all that a test can intercept in a page, so
// the network's faults have to happen in the network. It counts what the server
// is asked, can lose everything for a while, and can drop cookies on the way.
import { createServer, request } from 'node:http'
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ProxyOptions {
  /** The address of the server behind it. */
  target: string
}

export class Proxy {
  /** While false, connections break off and new ones come to nothing. */
  isOnline = true
  /** While true, no cookie gets through in either direction. */
  dropsCookies = false
  /** The request lines so far, such as `POST /api/v1/guests`. */
  readonly lines: string[] = []
  private readonly http: HttpServer
  private readonly target: URL
  private port = 0

  constructor({ target }: ProxyOptions) {
    this.target = new URL(target)
    this.http = createServer((asked, answer) => this.pass(asked, answer))
  }

  /** The address, without a slash at its end. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.http.listen(0, '127.0.0.1', resolve))
    this.port = (this.http.address() as AddressInfo).port
  }

  /** Breaks off all that is under way, and lets nothing through until `goOnline`. */
  goOffline(): void {
    this.isOnline = false
    this.http.closeAllConnections()
  }

  goOnline(): void {
    this.isOnline = true
  }

  stop(): void {
    this.http.close()
    this.http.closeAllConnections()
  }

  private pass(asked: IncomingMessage, answer: ServerResponse): void {
    if (!this.isOnline) return void asked.socket.destroy()
    this.lines.push(`${asked.method} ${asked.url}`)
    const { cookie, ...others } = asked.headers
    const headers = this.dropsCookies || cookie === undefined ? others : { ...others, cookie }
    const { hostname, port } = this.target
    const passed = request({ hostname, port, method: asked.method, path: asked.url, headers }, (back) => {
      if (this.dropsCookies) delete back.headers['set-cookie']
      answer.writeHead(back.statusCode ?? 502, back.headers)
      back.pipe(answer)
    })
    passed.on('error', () => asked.socket.destroy())
    asked.on('error', () => passed.destroy())
    answer.on('close', () => passed.destroy())
    asked.pipe(passed)
  }
}
