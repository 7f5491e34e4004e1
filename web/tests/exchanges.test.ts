// @vitest-environment node
// The records of requests, and the lines for a shell that are made of them.
import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { createEngine } from '../src/wire/engine'
import { createLine } from '../src/wire/line'
import { curlLines } from '../src/wire/curl'
import type { EngineMessage, Exchange, TabMessage } from '../src/wire/protocol'
import { createFakeChat } from './fakeChat'
import { createFakePlatform, DAWN } from './fakePlatform'

/** A tab's line to a chat, and its records as they were told last. */
function createTea() {
  const platform = createFakePlatform()
  const chat = createFakeChat(platform.clock)
  const told: Exchange[] = []
  const line = createLine({
    platform: { ...platform, fetch: chat.fetch },
    tab: 't1',
    onExchange: (exchange) => told.push(structuredClone(exchange)),
  })
  return { platform, clock: platform.clock, chat, line, told, last: () => line.exchanges.list().at(-1) }
}

const never = new AbortController().signal

describe('a record tells of its request from the start to the end', () => {
  it('a long poll that was held until news came', async () => {
    const { line, chat, clock, told, last } = createTea()
    const asking = line.client.fetchFeed({ after: 'c0', holdS: 25, rooms: ['tea'] })
    await clock.pass(4000)
    expect(told).toEqual([
      {
        id: 't1-1', tab: 't1', kind: 'events', method: 'GET', path: '/api/v1/events?after=c0&wait=25&rooms=tea',
        transport: 'long', holdS: 25, after: 'c0', sentAt: DAWN, endedAt: null, outcome: 'out',
      },
    ])
    chat.say('tea', 'hi')
    const page = await asking
    expect(last()).toMatchObject({ outcome: 'news', events: 1, cursor: 'c1', status: 200, endedAt: DAWN + 4000 })
    const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n'
    expect(last()?.bytes).toBe(head.length + JSON.stringify(page).length)
  })

  it('an empty answer, a send, a history and a refusal', async () => {
    const { line, chat, clock, last } = createTea()
    const asking = line.client.fetchFeed({ after: 'c0', holdS: 1, rooms: ['tea'] })
    await clock.pass(1000)
    await asking
    expect(last()).toMatchObject({ outcome: 'empty', events: 0, cursor: 'c0', holdS: 1 })
    await line.client.sendMessage('tea', 'r1', { text: "it's hot" })
    expect(last()).toMatchObject({ kind: 'send', method: 'PUT', outcome: 'done', status: 201, body: '{"text":"it\'s hot"}' })
    await line.client.fetchHistory('tea', 50)
    expect(last()).toMatchObject({ kind: 'history', outcome: 'done', path: '/api/v1/rooms/tea/messages?limit=50' })
    chat.habits.refuses = 503
    await line.client.fetchRoom('tea').catch(() => {})
    expect(last()).toMatchObject({ kind: 'other', outcome: 'refused', status: 503 })
  })

  it('one that was cut, and one that was given up', async () => {
    const { line, chat, clock, last } = createTea()
    chat.habits.cutMs = 3000
    const cut = line.client.fetchFeed({ after: 'c0', holdS: 25, rooms: ['tea'] }).catch(() => {})
    await clock.pass(3000)
    await cut
    expect(last()).toMatchObject({ outcome: 'cut', endedAt: DAWN + 3000 })
    const abort = new AbortController()
    const left = line.client.fetchFeed({ after: 'c0', holdS: 25, rooms: ['tea'] }, abort.signal).catch(() => {})
    abort.abort()
    await left
    expect(last()).toMatchObject({ outcome: 'given_up' })
  })

  it('a stream, as its pieces come', async () => {
    const { line, chat, clock, told, last } = createTea()
    const response = await line.client.openFeed({ after: 'c0', holdS: 0, rooms: ['tea'] }, never)
    const reader = response.body?.getReader()
    await reader?.read()
    expect(last()).toMatchObject({ outcome: 'out', after: 'c0', status: 200, events: 0 })
    chat.say('tea')
    await reader?.read()
    await clock.pass(0)
    expect(last()).toMatchObject({ outcome: 'out', events: 1, cursor: 'c1' })
    await reader?.cancel()
    expect(last()).toMatchObject({ outcome: 'given_up' })
    expect(told.map(({ bytes = 0 }) => bytes)).toEqual(told.map(({ bytes = 0 }) => bytes).sort((one, other) => one - other))
  })
})

it('the browser tells of each request whether its connection was new', async () => {
  const { line, clock } = createTea()
  await line.client.fetchRoom('tea')
  await clock.pass(1000)
  await line.client.fetchRoom('tea')
  const url = 'http://linger.test/api/v1/rooms/tea'
  line.exchanges.measured({ url, startedAt: DAWN + 1003, connection: 'reused' })
  line.exchanges.measured({ url, startedAt: DAWN + 2, connection: 'new' })
  expect(line.exchanges.list().map(({ connection }) => connection)).toEqual(['new', 'reused'])
})

it('no more than 200 are kept', async () => {
  const { line } = createTea()
  for (let count = 0; count < 250; count += 1) await line.client.fetchRoom('tea')
  expect(line.exchanges.list().map(({ id }) => id)).toEqual(Array.from({ length: 200 }, (_, index) => `t1-${index + 51}`))
})

it('the engine tells its own to those tabs that look, all at first and then what changes', async () => {
  const platform = createFakePlatform()
  const chat = createFakeChat(platform.clock)
  const said: EngineMessage[] = []
  const engine = createEngine({ platform: { ...platform, fetch: chat.fetch }, post: (message) => said.push(message) })
  const say = (message: TabMessage) => engine.hear(message)
  for (const tab of ['t1', 't2']) say({ type: 'hello', tab, rooms: ['tea'], cursor: 'c0', isVisible: true, locale: 'en' })
  chat.say('tea')
  await platform.clock.pass(1000)
  const told = () => said.filter((message) => message.type === 'exchanges').map(({ to, exchanges }) => [to, exchanges.map(({ outcome }) => outcome)])
  expect(told()).toEqual([])
  say({ type: 'wire', tab: 't2', isOpen: true })
  expect(told()).toEqual([['t2', ['news', 'out']]])
  // A held request changes nothing for 25 s, and the drawer's code came after the last word about it.
  expect(said.slice(-2)).toMatchObject([{ to: 't2', type: 'link', link: { tabs: 2, holdS: 25 } }, { to: 't2', type: 'exchanges' }])
  chat.say('tea')
  await platform.clock.pass(1000)
  expect(told().slice(1)).toEqual([['t2', ['news', 'out']]])
  say({ type: 'wire', tab: 't2', isOpen: false })
  chat.say('tea')
  await platform.clock.pass(1000)
  expect(told()).toHaveLength(2)
})

describe('a line for a shell', () => {
  const place = { origin: 'http://h:8080', isVisitor: false, isOpen: (room: string) => room !== 'secret' }
  const base: Exchange = { id: '1', tab: null, kind: 'events', method: 'GET', path: '', sentAt: 0, endedAt: 1, outcome: 'empty' }
  const feed = '/api/v1/events?after=c1&wait=25&rooms=tea'

  it.each<[string, Partial<Exchange>, string]>([
    ['a held request for open rooms runs as pasted', { path: feed }, `curl 'http://h:8080${feed}'`],
    ['its page ends where the one that was shown ended', { path: feed, outcome: 'news', events: 2 }, `curl 'http://h:8080${feed}&limit=2'`],
    ['its page ends there, too, where it had a limit', { path: `${feed}&limit=200`, outcome: 'news', events: 2 }, `curl 'http://h:8080${feed}&limit=2'`],
    ['my own events need a token', { path: feed, isOwn: true }, `curl -H "Authorization: Bearer $TOKEN" 'http://h:8080${feed}'`],
    [
      'a closed room needs a token',
      { path: '/api/v1/rooms/secret/messages?limit=50', kind: 'history' },
      `curl -H "Authorization: Bearer $TOKEN" 'http://h:8080/api/v1/rooms/secret/messages?limit=50'`,
    ],
    [
      'a stream is shown as it comes',
      { path: '/api/v1/events?rooms=tea', transport: 'sse', after: 'c1', outcome: 'news', events: 9 },
      `curl -N -H 'Accept: text/event-stream' -H 'Last-Event-ID: c1' 'http://h:8080/api/v1/events?rooms=tea'`,
    ],
    [
      'a send carries its text, whatever is in it',
      { path: '/api/v1/rooms/tea/messages/r1', kind: 'send', method: 'PUT', body: `{"text":"it's $HOME"}` },
      `curl -X PUT -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"text":"it'\\''s $HOME"}' 'http://h:8080/api/v1/rooms/tea/messages/r1'`,
    ],
  ])('%s', (_name, exchange, line) => {
    expect(curlLines({ ...base, ...exchange }, place).line).toBe(line)
  })

  it('a visitor needs no token for what they read', () => {
    expect(curlLines({ ...base, path: '/api/v1/rooms' }, { ...place, isVisitor: true }).tokenLine).toBe(null)
  })

  it('is read by a shell as it was meant', () => {
    const body = `{"text":"it's \\"$HOME\\" \`id\`"}`
    const { line } = curlLines({ ...base, path: '/x', kind: 'send', method: 'PUT', body }, place)
    const words = execFileSync('sh', ['-c', `TOKEN=secret; curl() { printf '%s\\n' "$@"; }; ${line}`]).toString().trimEnd().split('\n')
    expect(words).toEqual([
      '-X', 'PUT', '-H', 'Authorization: Bearer secret', '-H', 'Content-Type: application/json', '-d', body, 'http://h:8080/x',
    ])
  })

  it('a second one makes a guest and keeps its token', () => {
    const { tokenLine } = curlLines({ ...base, path: '/api/v1/me' }, place)
    const answer = '{"token":"abc.DEF-1","user":{"id":1,"name":"ann","role":"guest"}}'
    const script = `curl() { printf '%s' '${answer}'; }; ${tokenLine}; printf %s "$TOKEN"`
    expect(execFileSync('sh', ['-c', script]).toString()).toBe('abc.DEF-1')
  })
})
