// @vitest-environment node
// The engine on streams, held requests and short polls, behind proxies of bad habits.
import { describe, expect, it } from 'vitest'
import { createEngine } from '../src/wire/engine'
import { createFrames } from '../src/wire/transports/eventStream'
import type { EngineMessage, Link, Mode } from '../src/wire/protocol'
import { createFakeChat } from './fakeChat'
import type { ProxyHabits } from './fakeChat'
import { createFakePlatform } from './fakePlatform'

const MINUTE = 60_000

/** An engine with one tab in #tea, in front of a chat that is behind a proxy. */
function createTea(habits: ProxyHabits, mode: Mode = 'automatic') {
  const platform = createFakePlatform()
  const chat = createFakeChat(platform.clock, habits)
  const heard: number[] = []
  const links: Link[] = []
  const engine = createEngine({
    platform: { ...platform, fetch: chat.fetch },
    post(message: EngineMessage) {
      if (message.type === 'page') heard.push(...message.events.map(({ position }) => position))
      if (message.type === 'link') links.push(message.link)
    },
  })
  if (mode !== 'automatic') {
    engine.hear({ type: 'hello', tab: 't1', rooms: [], cursor: 'c0', isVisible: true, locale: 'en' })
    engine.hear({ type: 'mode', tab: 't1', mode, intervalMs: 2000 })
  }
  engine.hear({ type: 'hello', tab: 't1', rooms: ['tea'], cursor: 'c0', isVisible: true, locale: 'en' })
  /** Lets `minutes` pass; somebody says something every `everyMs`, and the tab is alive. */
  async function chatFor(minutes: number, everyMs: number): Promise<void> {
    for (let ms = 0; ms < minutes * MINUTE; ms += everyMs) {
      await platform.clock.pass(everyMs)
      engine.hear({ type: 'alive', tab: 't1' })
      chat.say('tea')
    }
    await platform.clock.pass(4000)
  }
  const link = () => links.at(-1)
  const all = () => chat.log.map(({ position }) => position)
  return { platform, clock: platform.clock, chat, engine, heard, links, link, chatFor, all }
}

/** How the link stands, in a few words: `long 25 s, usual`. */
function said(link: Link | undefined): string {
  return `${link?.transport} ${link?.holdS} s, ${link?.reason}`
}

/** Returns when which hold was asked for first after another: `5: 8` for eight seconds in the fifth minute. */
function changesOfHold(requests: { line: string; at: number }[]): string[] {
  const holds = requests.map(({ line, at }) => ({ at, holdS: Number(/wait=(\d+)/.exec(line)?.[1]) })).filter(({ holdS }) => holdS > 0)
  return holds.filter(({ holdS }, index) => holdS !== holds[index - 1]?.holdS).map(({ at, holdS }) => `${Math.floor(at / MINUTE)}: ${holdS}`)
}

describe('in each mode all is heard, in order, once each', () => {
  it.each<[Mode, string]>([
    ['automatic', 'long 25 s, usual'],
    ['long', 'long 25 s, chosen'],
    ['sse', 'sse 0 s, chosen'],
    ['short', 'short 2 s, chosen'],
  ])('%s', async (mode, expected) => {
    const tea = createTea({}, mode)
    await tea.chatFor(5, 7000)
    expect(tea.heard).toEqual(tea.all())
    expect(said(tea.link())).toBe(expected)
    const events = tea.chat.requests.filter(({ line }) => line.includes('/events'))
    // News every 7 s: one answer each, one stream, or a look every 2 s.
    const counts = { automatic: [43, 46], long: [43, 47], sse: [1, 3], short: [145, 155] }[mode]
    expect(events.length).toBeGreaterThanOrEqual(counts[0] ?? 0)
    expect(events.length).toBeLessThanOrEqual(counts[1] ?? 0)
  })
})

describe('behind a proxy that cuts every request at 10 s', () => {
  it('requests are held for 4 s after two cuts, and nothing is cut any more', async () => {
    const tea = createTea({ cutMs: 10_000 })
    await tea.chatFor(4, MINUTE)
    expect(said(tea.link())).toBe('long 4 s, cut_early')
    const { length } = tea.links
    await tea.chatFor(1, MINUTE)
    expect(tea.links.slice(length).every(({ connection }) => connection === 'connected')).toBe(true)
    expect(tea.heard).toEqual(tea.all())
  })

  it('a longer hold is tried after 5 min and then ever more seldom; when the proxy is gone, the usual one is back', async () => {
    const tea = createTea({ cutMs: 10_000 })
    await tea.chatFor(100, MINUTE)
    expect(changesOfHold(tea.chat.requests)).toEqual(['0: 25', '0: 4', '5: 8', '10: 16', '10: 8', '20: 16', '20: 8', '41: 16', '41: 8', '81: 16', '81: 8'])
    delete tea.chat.habits.cutMs
    await tea.chatFor(80, MINUTE)
    expect(said(tea.link())).toBe('long 25 s, usual')
    expect(tea.heard).toEqual(tea.all())
  })

  it('a stream that is cut thrice makes room for held requests', async () => {
    const tea = createTea({ cutMs: 10_000 }, 'sse')
    await tea.chatFor(4, MINUTE)
    expect(said(tea.link())).toBe('long 4 s, streams_fail')
    expect(tea.heard).toEqual(tea.all())
  })
})

describe('behind a proxy that collects answers', () => {
  it('a stream is given up after 3 s, and held requests say why', async () => {
    const tea = createTea({ buffersStreams: true }, 'sse')
    await tea.clock.pass(0)
    tea.chat.say('tea')
    await tea.clock.pass(2999)
    expect(tea.heard).toEqual([])
    await tea.clock.pass(1)
    expect([tea.heard, said(tea.link())]).toEqual([[1], 'long 25 s, stream_buffered'])
    await tea.chatFor(4, MINUTE)
    expect(tea.chat.requests.filter(({ headers }) => headers.has('Last-Event-ID'))).toHaveLength(1)
    delete tea.chat.habits.buffersStreams
    await tea.chatFor(3, MINUTE)
    expect([tea.heard, said(tea.link())]).toEqual([tea.all(), 'sse 0 s, chosen'])
  })
})

describe('behind a proxy that fails what is held', () => {
  it('short polls go on, and held requests are tried again later', async () => {
    const tea = createTea({ hatesHolds: true })
    await tea.chatFor(2, 10_000)
    expect([tea.heard, said(tea.link())]).toEqual([tea.all(), 'short 3 s, holds_fail'])
    delete tea.chat.habits.hatesHolds
    await tea.chatFor(6, MINUTE)
    expect([tea.heard, said(tea.link())]).toEqual([tea.all(), 'long 25 s, usual'])
  })
})

it('a busy room is read as a stream, until it is calm', async () => {
  const tea = createTea({})
  await tea.chatFor(0.25, 100)
  expect([tea.heard, said(tea.link())]).toEqual([tea.all(), 'sse 0 s, busy'])
  const streams = tea.chat.requests.filter(({ headers }) => headers.has('Last-Event-ID'))
  expect(streams).toHaveLength(1)
  await tea.chatFor(4, MINUTE)
  expect([tea.heard, said(tea.link())]).toEqual([tea.all(), 'long 25 s, usual'])
})

it('a stream that falls silent is given up after 40 s', async () => {
  const tea = createTea({}, 'sse')
  await tea.chatFor(1, 30_000)
  const { length } = tea.chat.requests
  // The connection is dead, and nobody says so.
  const original = tea.clock.after
  tea.clock.after = (ms, act) => (ms === 15_000 ? () => {} : original(ms, act))
  await tea.clock.pass(16_000)
  await tea.clock.pass(41_000)
  expect(tea.chat.requests.length).toBeGreaterThan(length)
})

describe('the frames of a stream', () => {
  const TEXT = '\uFEFF: linger\nid: c1\n\nid: c2\nevent: message_sent\ndata: {"a":1}\n\ndata: one\ndata:two\nid\n\nretry: 5\n\n'
  const FRAMES = [
    { id: 'c1', event: '', data: null },
    { id: 'c2', event: 'message_sent', data: '{"a":1}' },
    { id: '', event: '', data: 'one\ntwo' },
  ]

  it.each([
    ['\n', 'line feeds'],
    ['\r\n', 'carriage returns and line feeds'],
    ['\r', 'carriage returns'],
  ])('are the same for all ends of lines and all cuts: %j, %s', (end) => {
    const text = `${TEXT.replaceAll('\n', end)}x`
    for (const size of [1, 2, 3, 7, text.length]) {
      const frames = createFrames()
      const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, at) => text.slice(at * size, (at + 1) * size))
      expect(pieces.flatMap(frames)).toEqual(FRAMES)
    }
  })
})
