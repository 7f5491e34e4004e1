// @vitest-environment node
// The polling loop with a clock and a server of its own, and without a window.
import { describe, expect, it } from 'vitest'
import { createClient } from '../src/api/client'
import type { RoomEvent } from '../src/api/types'
import { createPoller } from '../src/wire/poller'
import { ann, bob, joined, message, renamed } from './cast'
import { createFakePlatform } from './fakePlatform'

const LATEST = 'GET /rooms/tea/events?after=latest&wait=0'
const HISTORY = 'GET /rooms/tea/messages?limit=50'
const ROOM = 'GET /rooms/tea'
const held = (cursor: string) => `GET /rooms/tea/events?after=${cursor}&wait=25`
const short = (cursor: string) => `GET /rooms/tea/events?after=${cursor}&wait=0`

/** A poller of #tea, and in `heard` all that it says but that it heard something. */
function createTea() {
  const platform = createFakePlatform()
  const { server, clock } = platform
  const heard: string[] = []
  const poller = createPoller({
    room: 'tea',
    client: createClient(platform),
    platform,
    listener: {
      onReading: () => heard.push('reading'),
      onHistory: ({ room, messages, more }) =>
        heard.push(`history of ${room.slug}: ${messages.map(({ text }) => text).join(', ')}${more ? ' and more' : ''}`),
      onEvents: (events) => heard.push(events.map(({ type, position }) => `${position} ${type}`).join(', ')),
      onConnection: (connection) => heard.push(connection),
      onHeard: () => {},
      onUnknownCaller: () => heard.push('unknown caller'),
    },
  })
  return { platform, server, clock, poller, heard }
}

type Tea = ReturnType<typeof createTea>

/** One that has read its history, and holds its first request after cursor c1. */
async function follow(): Promise<Tea> {
  const tea = createTea()
  tea.poller.start('c1')
  await answerHistory(tea, 'one')
  tea.heard.length = 0
  return tea
}

async function answerHistory({ server }: Tea, text: string): Promise<void> {
  const [history, room] = server.requests.slice(-2)
  expect([history?.line, room?.line]).toEqual([HISTORY, ROOM])
  await history?.answer({ messages: [message(1, ann, text)], more: true })
  await room?.answer({ id: 1, slug: 'tea' })
}

function news(cursor: string, ...events: RoomEvent[]) {
  return { events, cursor }
}

/** Returns how long it takes until the next request. */
async function timeToNextRequest({ server, clock }: Tea): Promise<number> {
  const { length } = server.requests
  const startedAt = clock.now()
  while (server.requests.length === length) await clock.passToNext()
  return clock.now() - startedAt
}

it('reads a cursor, then history, then events for ever, and tells them in order', async () => {
  const tea = createTea()
  tea.poller.start()
  await tea.server.last().answer(news('c1'))
  await answerHistory(tea, 'one')
  await tea.server.last().answer(news('c2', joined(2, bob), renamed(3, ann)))
  await tea.server.last().answer(news('c3', joined(4, ann, 3)))
  expect(tea.server.lines()).toEqual([LATEST, HISTORY, ROOM, held('c1'), held('c2'), held('c3')])
  expect(tea.heard).toEqual([
    'connected',
    'reading',
    'history of tea: one and more',
    '2 member_joined, 3 user_renamed',
    '4 member_joined',
  ])
})

it('events that the listener failed on are asked for again', async () => {
  const { platform, server, clock } = createTea()
  let isBroken = true
  const seen: string[] = []
  const poller = createPoller({
    room: 'tea',
    client: createClient(platform),
    platform,
    listener: {
      onReading: () => {},
      onHistory: () => {},
      onEvents(events) {
        if (isBroken) throw new Error('a fault in the view')
        seen.push(...events.map(({ type }) => type))
      },
      onConnection: () => {},
      onHeard: () => {},
      onUnknownCaller: () => {},
    },
  })
  poller.start('c1')
  await server.requests[0]?.answer({ messages: [], more: false })
  await server.requests[1]?.answer({ id: 1, slug: 'tea' })
  await server.last().answer(news('c2', joined(2, bob)))
  isBroken = false
  await clock.pass(1000)
  expect(server.last().line).toBe(short('c1'))
  await server.last().answer(news('c2', joined(2, bob)))
  expect(seen).toEqual(['member_joined'])
})

describe('a wake is never swallowed', () => {
  /** Moments of the loop, each with what leads to it. */
  const moments: [string, (tea: Tea) => Promise<unknown>][] = [
    ['while a request is held', async ({ clock }) => clock.pass(10_000)],
    ['while a request has just begun', async () => {}],
    ['right after an answer', async ({ server }) => server.last().answer(news('c1', joined(2, bob)))],
    ['in the pause after a failure', async ({ server }) => server.last().lose()],
    ['in the pause after an empty answer', async ({ server }) => server.last().answer(news('c1'))],
    [
      'right after another wake',
      async ({ poller, clock }) => {
        poller.wake()
        await clock.pass(10)
      },
    ],
    [
      'soon after another wake, on the request after its look',
      async ({ poller, clock, server }) => {
        poller.wake()
        await clock.pass(10)
        await server.last().answer(news('c1'))
        await clock.pass(500)
      },
    ],
    [
      'while the history is read anew',
      async ({ server, clock }) => {
        await server.last().answer({ reset: { reason: 'other_log' }, events: [], cursor: 'n1' })
        await clock.pass(250)
      },
    ],
  ]

  it.each(moments)('%s', async (_name, lead) => {
    const tea = await follow()
    await lead(tea)
    const { length } = tea.server.requests
    tea.poller.wake()
    await tea.clock.pass(1000)
    expect(tea.server.requests.length).toBeGreaterThan(length)
    // There is one loop: the request before was given up, not left alone.
    const paths = tea.server.requests.filter(({ isOpen }) => isOpen).map(({ line }) => line)
    expect(new Set(paths).size).toBe(paths.length)
    expect(paths.length).toBe(paths.some((line) => line === HISTORY) ? 2 : 1)
  })

  it.each(Array.from({ length: 16 }, (_, turns) => turns))('%i turns after a failure, on its way to the pause', async (turns) => {
    const tea = await follow()
    const losing = tea.server.last().lose()
    for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
    tea.poller.wake()
    await losing
    await tea.clock.pass(0)
    expect(tea.server.last().line).toBe(short('c1'))
  })

  it('but a wake whose look has been answered makes no second one', async () => {
    const tea = await follow()
    await tea.clock.pass(10_000)
    tea.poller.wake()
    await tea.clock.pass(10)
    tea.poller.wake()
    await tea.server.last().answer(news('c1'))
    const { length } = tea.server.requests
    await tea.clock.pass(20_000)
    expect([tea.server.requests.length, tea.server.last().line, tea.server.last().isOpen]).toEqual([length, held('c1'), true])
  })

  it('a hundred wakes in a second make one look, and one a second later', async () => {
    const tea = await follow()
    await tea.clock.pass(10_000)
    const { length } = tea.server.requests
    for (let count = 0; count < 100; count += 1) {
      tea.poller.wake()
      await tea.clock.pass(10)
    }
    await tea.clock.pass(1)
    expect(tea.server.requests.length).toBe(length + 2)
  })

  it('only a Retry-After is waited for', async () => {
    const tea = await follow()
    await tea.server.last().refuse(503, { 'Retry-After': '20' })
    tea.poller.wake()
    await tea.clock.pass(5000)
    tea.poller.wake()
    expect(await timeToNextRequest(tea)).toBe(15_000)
  })
})

describe('after failures', () => {
  it('the delay doubles up to the half of 30 s that is not chance, and begins anew after an answer', async () => {
    const tea = await follow()
    const delays: number[] = []
    for (let round = 0; round < 6; round += 1) {
      await tea.server.last().lose()
      delays.push(await timeToNextRequest(tea))
    }
    await tea.server.last().answer(news('c1'))
    await tea.server.last().lose()
    delays.push(await timeToNextRequest(tea))
    expect(delays).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000, 1000])
    expect(tea.heard).toEqual(['reconnecting', 'connected'])
  })

  it('chance doubles the delay at most', async () => {
    const tea = await follow()
    tea.platform.random = () => 0.999
    await tea.server.last().lose()
    expect(await timeToNextRequest(tea)).toBe(1999)
  })

  it('a request that is neither answered nor lost counts as lost ten seconds after its hold', async () => {
    const tea = await follow()
    const parked = tea.server.last()
    await tea.clock.pass(34_999)
    const before = parked.isOpen
    await tea.clock.pass(1)
    expect([before, parked.isOpen, await timeToNextRequest(tea)]).toEqual([true, false, 1000])
  })

  it('a computer without a network is offline at the first of them', async () => {
    const tea = await follow()
    tea.platform.setOnline(false)
    await tea.server.last().lose()
    expect(tea.heard).toEqual(['offline'])
  })

  it('the rest of a history whose one half failed is given up', async () => {
    const tea = createTea()
    tea.poller.start('c1')
    const [history, room] = tea.server.requests
    await room?.refuse(503)
    expect([history?.isOpen, await timeToNextRequest(tea)]).toEqual([false, 1000])
  })

  it('a caller whom the server does not know is told of, and asked for ever more slowly', async () => {
    const tea = await follow()
    const delays: number[] = []
    for (let round = 0; round < 3; round += 1) {
      await tea.server.last().refuse(401)
      delays.push(await timeToNextRequest(tea))
    }
    expect(delays).toEqual([1000, 2000, 4000])
    expect(tea.heard.filter((line) => line === 'unknown caller')).toHaveLength(3)
  })
})

it('a reset makes the history be read anew, and goes on from the new cursor', async () => {
  const tea = await follow()
  await tea.server.last().answer({ reset: { reason: 'other_log' }, events: [], cursor: 'n1' })
  await tea.clock.pass(250)
  await answerHistory(tea, 'new world')
  expect(tea.server.last().line).toBe(held('n1'))
  // Numbers of the other log are no gap.
  await tea.server.last().answer(news('n2', joined(40, bob)))
  expect(tea.heard).toEqual(['reading', 'history of tea: new world and more', '40 member_joined'])
})

describe('a gap in the numbers', () => {
  it.each([
    ['between two answers', [[joined(2, bob)], [joined(4, ann)]], ['2 member_joined']],
    ['within one answer', [[joined(2, bob), joined(4, ann)]], []],
    ['behind a rename', [[joined(2, bob), renamed(3, ann)], [joined(4, ann)]], ['2 member_joined, 3 user_renamed']],
  ])('%s makes the history be read anew from a new cursor', async (_name, answers, before) => {
    const tea = await follow()
    for (const [index, events] of answers.entries()) await tea.server.last().answer(news(`g${index}`, ...events))
    expect(tea.server.last().line).toBe(LATEST)
    await tea.server.last().answer(news('c9'))
    await answerHistory(tea, 'all of it')
    expect(tea.server.last().line).toBe(held('c9'))
    expect(tea.heard).toEqual([...before, 'reading', 'history of tea: all of it and more'])
  })
})

it('two pollers share nothing', async () => {
  const [one, other] = [await follow(), await follow()]
  await one.server.last().answer(news('c5', joined(2, bob)))
  await one.server.last().lose()
  await other.server.last().answer(news('d5', joined(7, bob)))
  expect([one.heard, other.heard]).toEqual([['2 member_joined'], ['7 member_joined']])
  expect([other.server.last().line, other.server.last().isOpen]).toEqual([held('d5'), true])
  one.poller.stop()
  await other.server.last().answer(news('d6', joined(8, bob)))
  expect([other.server.last().line, other.server.last().isOpen]).toEqual([held('d6'), true])
})

describe('a poller that is stopped', () => {
  it.each<[string, (tea: Tea) => Promise<unknown>]>([
    ['in a held request', async () => {}],
    ['in the pause after a failure', ({ server }) => server.last().lose()],
    ['in a pause that the server asked for', ({ server }) => server.last().refuse(503, { 'Retry-After': '60' })],
    [
      'while a wake waits for its turn',
      async ({ poller, server, clock }) => {
        poller.wake()
        await clock.pass(10)
        await server.last().answer(news('c1'))
        poller.wake()
      },
    ],
  ])('%s ends its request and its timers, and says nothing more', async (_name, lead) => {
    const tea = await follow()
    await lead(tea)
    const said = [...tea.heard]
    const { length } = tea.server.requests
    tea.poller.stop()
    tea.poller.wake()
    tea.poller.start('c7')
    await tea.clock.pass(0)
    expect(tea.server.requests.filter(({ isOpen }) => isOpen)).toEqual([])
    expect([tea.clock.timers(), tea.server.requests.length, tea.heard]).toEqual([0, length, said])
  })

  it('does not tell of an answer that came in the same moment', async () => {
    const tea = await follow()
    const answering = tea.server.last().answer(news('c2', joined(2, bob)))
    tea.poller.stop()
    await answering
    expect([tea.heard, tea.server.requests.filter(({ isOpen }) => isOpen)]).toEqual([[], []])
  })

  it('before it started never starts', async () => {
    const tea = createTea()
    tea.poller.stop()
    tea.poller.start('c1')
    await tea.clock.pass(0)
    expect(tea.server.requests).toEqual([])
  })
})
