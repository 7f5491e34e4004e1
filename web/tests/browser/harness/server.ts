// One running Linger, on a port and a data folder of its own.
//
// Started by `useLinger`. It can be ended politely, killed, frozen and started
// again at the same place; the data folder goes when the tests are done.
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lingerPath } from './programs'

/** A name that the tests' browser finds at this computer; the browser trusts it less than localhost. */
export const PLAIN_HOST = 'chat.example'

const OPEN_LINE = /Linger is open at http:\/\/127\.0\.0\.1:(\d+)\//
const START_MS_MAX = 60_000

const LAUNCHES_MAX = 5

/** The NATS server on which the logs are; none if each is in its data folder. `cargo xtask test nats` sets it. */
const NATS = process.env['LINGER_TEST_LOG']
let logs = 0

// Tests that are cut off must not leave a server or its data behind.
const servers = new Set<Server>()
process.on('exit', () => servers.forEach((server) => server.drop()))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

export class Server {
  private data = ''
  private cluster: readonly string[] = []
  private child: ChildProcess | null = null
  private log = ''

  /** Takes a `port`, for a server that will come back to it, or any free one, and more arguments. */
  constructor(
    private port = 0,
    private readonly others: readonly string[] = [],
  ) {}

  /** The address, without a slash at its end. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Starts the program, from the second time on at the same port and data. */
  async start(): Promise<void> {
    servers.add(this)
    if (!this.data) {
      this.data = mkdtempSync(join(tmpdir(), 'linger-browser-'))
      this.cluster = newLog()
    }
    for (let launches = 1; ; launches += 1) {
      this.log = ''
      try {
        return await this.launch()
      } catch (error) {
        // Where much is tested at once, two programs can be given one free port.
        const isTaken = /address already in use/i.test(this.log)
        if (!isTaken || launches === LAUNCHES_MAX) throw error
      }
    }
  }

  private async launch(): Promise<void> {
    const listen = ['--listen', `127.0.0.1:${this.port}`, '--data', this.data]
    const child = spawn(lingerPath(), [...listen, ...this.cluster, ...this.others], {
      env: ownEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child = child
    child.stderr?.on('data', (text) => (this.log += text))
    this.port = await this.readPort(child)
  }

  /** The same server under a name that is not localhost: a plain-HTTP origin to the browser. */
  get plainUrl(): string {
    return `http://${PLAIN_HOST}:${this.port}`
  }

  /** Returns how many requests the server holds now. */
  async held(): Promise<number> {
    const figures = await fetch(`${this.url}/metrics`).then((answer) => answer.text())
    return Number(/^linger_requests_held (\d+)/m.exec(figures)?.[1])
  }

  /** Asks the program to end, and returns its exit code. */
  stop(): Promise<number | null> {
    return this.end('SIGTERM')
  }

  /** Ends the program at once, whatever it is doing. */
  async kill(): Promise<void> {
    await this.end('SIGKILL')
  }

  /** Stops the program from running at all; the system still takes its connections. */
  freeze(): void {
    this.child?.kill('SIGSTOP')
  }

  async remove(): Promise<void> {
    if (this.child) await this.kill()
    this.drop()
    servers.delete(this)
  }

  /** Ends the program and forgets its data without waiting. */
  drop(): void {
    this.child?.kill('SIGKILL')
    if (this.data) rmSync(this.data, { recursive: true, force: true })
  }

  private async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.child
    if (!child) throw new Error('the server is not running')
    this.child = null
    const hasEnded = child.exitCode !== null || child.signalCode !== null
    if (!hasEnded) {
      const ended = once(child, 'exit')
      child.kill(signal)
      await ended
    }
    return child.exitCode
  }

  private readPort(child: ChildProcess): Promise<number> {
    return new Promise((resolve, reject) => {
      const fail = (what: string) => reject(new Error(`Linger ${what}. It said:\n${this.log}`))
      const timer = setTimeout(fail, START_MS_MAX, 'did not open in time')
      let said = ''
      child.stdout?.on('data', (text) => {
        said += text
        const port = OPEN_LINE.exec(said)?.[1]
        if (port === undefined) return
        clearTimeout(timer)
        resolve(Number(port))
      })
      child.once('error', (error) => fail(`cannot be started: ${error.message}`))
      // Not `exit`: its last words may still be on their way then.
      child.once('close', (code) => fail(`ended with code ${code}`))
    })
  }
}

/**
 * Returns a free port that no connection is given by chance while its server is away.
 *
 * A page that calls a server which is not there may otherwise get the server's
 * own port for its end, and so keep the server from coming back.
 */
export async function findLastingPort(): Promise<number> {
  const [FIRST, COUNT] = [12_000, 20_000]
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT)
    const probe = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false))
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
    })
    if (isFree) return port
  }
}

/** Makes a log on NATS, if the logs are there, and returns the arguments that name it. */
function newLog(): string[] {
  if (NATS === undefined) return []
  const log = ['--log', NATS, '--nats-replicas', '1', '--nats-stream', `page-${process.pid}-${(logs += 1)}`]
  execFileSync(lingerPath(), ['cluster', 'init', ...log], { env: ownEnvironment(), stdio: 'pipe' })
  return log
}

/** Our environment without LINGER settings: those are for the tester's own server. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('LINGER_'))
  return { ...Object.fromEntries(others), LINGER_LOG: 'info' }
}
