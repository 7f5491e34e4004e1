// The engine against the real program, directly and through proxies, without a page.
//
// It runs here in Node as it runs in a worker, with the system's clock. The
// page's own way through proxies is in `proxies.spec.ts`.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Clock } from '../../src/api/platform'
import { createEngine } from '../../src/wire/engine'
import type { EngineMessage, Exchange, Link, Mode, Session, TabMessage } from '../../src/wire/protocol'
import { Nginx } from './harness/nginx'
import { Person } from './harness/person'
import { Proxy } from './harness/proxy'
import type { Habits } from './harness/proxy'
import { Server } from './harness/server'

const server = new Server()
const open: { stop(): void | Promise<void> }[] = []

beforeAll(() => server.start())
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.stop()
})
afterAll(() => server.remove())

const clock: Clock = {
  now: () => performance.now(),
  date: () => Date.now(),
  after(ms, act) {
    const timer = setTimeout(act, ms)
    return () => clearTimeout(timer)
  },
}

/** An engine with one tab that looks at the lobby as a visitor, through what stands at `url`. */
function follow(url: string, mode: Mode, rooms = ['lobby']) {
  const texts: string[] = []
  const records = new Map<string, Exchange>()
  let link: Link | null = null
  const begun = new Promise<void>((resolve) => {
    const engine = createEngine({
      platform: { fetch: (path, init) => fetch(url + path, init), clock, random: Math.random, isOnline: () => true },
      createSession: () => VISITOR,
      post(message: EngineMessage) {
        if (message.type === 'begin' && message.cursor !== null) resolve()
        if (message.type === 'link') ({ link } = message)
        if (message.type === 'exchanges') for (const exchange of message.exchanges) records.set(exchange.id, exchange)
        if (message.type !== 'page') return
        for (const event of message.events) if (event.type === 'message_sent') texts.push(event.message.text ?? '')
      },
    })
    open.push(engine)
    const say = (message: TabMessage) => engine.hear(message)
    say({ type: 'hello', tab: 't1', rooms, cursor: null, isVisible: true, locale: 'en' })
    say({ type: 'wire', tab: 't1', isOpen: true })
    say({ type: 'mode', tab: 't1', mode, intervalMs: 500 })
  })
  const said = () => `${link?.transport}, ${link?.reason}`
  return { texts, records: () => [...records.values()], begun, said, link: () => link }
}

const visitor: Session = { state: 'visitor', user: null }
const VISITOR = { current: () => visitor, start() {}, renew() {}, take() {} }

async function chatter(count: number, name: string): Promise<string[]> {
  const ann = await Person.arrive(server.url, 'ann')
  const texts = Array.from({ length: count }, (_, index) => `${name} ${index + 1}`)
  await ann.sayAll(texts)
  return texts
}

async function startProxy(habits: Habits): Promise<Proxy> {
  const proxy = await Proxy.start(server.url, habits)
  open.push(proxy)
  return proxy
}

describe.each<Mode>(['long', 'sse', 'short'])('on %s', (mode) => {
  test('a visitor hears an open room, and the records say what it took', async () => {
    const tab = follow(server.url, mode)
    await tab.begun
    const texts = await chatter(10, mode)
    await expect.poll(() => tab.texts).toEqual(texts)
    expect(tab.said()).toBe(`${mode}, chosen`)
    const events = () => tab.records().filter(({ kind }) => kind === 'events')
    await expect.poll(() => events().reduce((sum, { events: count = 0 }) => sum + count, 0)).toBeGreaterThanOrEqual(10)
    expect(events().filter(({ outcome }) => outcome === 'cut' || outcome === 'refused')).toEqual([])
  })

  test('behind nginx nothing is lost', async () => {
    const nginx = await Nginx.start(server.url)
    open.push(nginx)
    const tab = follow(nginx.url, mode)
    await tab.begun
    const texts = await chatter(20, `nginx ${mode}`)
    await expect.poll(() => tab.texts).toEqual(texts)
    expect(tab.said()).toBe(`${mode}, chosen`)
  })
})

test('behind a proxy that collects answers a stream makes room for held requests', async () => {
  const proxy = await startProxy({ buffers: true })
  const tab = follow(proxy.url, 'sse')
  await tab.begun
  const texts = await chatter(5, 'collected')
  await expect.poll(() => tab.texts).toEqual(texts)
  expect(tab.said()).toBe('long, stream_buffered')
  expect(proxy.asked.filter(({ isStream }) => isStream)).toHaveLength(1)
})

test('behind a proxy that cuts every request at 10 s requests are held for 4 s, and are not cut any more', async () => {
  const proxy = await startProxy({ cutMs: 10_000 })
  const tab = follow(proxy.url, 'automatic')
  await tab.begun
  await expect.poll(tab.said).toBe('long, cut_early')
  expect(tab.link()?.holdS).toBe(4)
  const short = () => proxy.asked.filter(({ line }) => line.includes('wait=4'))
  await expect.poll(() => short().length).toBe(3)
  const texts = await chatter(5, 'cut')
  await expect.poll(() => tab.texts).toEqual(texts)
  expect(proxy.asked.filter(({ outcome }) => outcome === 'cut')).toHaveLength(2)
  expect(tab.records().filter(({ outcome }) => outcome === 'cut')).toHaveLength(2)
})

test('a room that is not there keeps no other from being heard', async () => {
  const tab = follow(server.url, 'long', ['lobby', 'not-there'])
  await tab.begun
  const texts = await chatter(3, 'there')
  await expect.poll(() => tab.texts).toEqual(texts)
})
