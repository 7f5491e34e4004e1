// @vitest-environment node
// The loop of requests with a clock and a server of its own, and without a window.
import { describe, expect, it } from 'vitest'
import { createClient } from '../src/api/client'
import type { RoomEvent } from '../src/api/types'
import { createLoop } from '../src/wire/loop'
import { ann, bob, joined, renamed } from './cast'
import { createFakePlatform } from './fakePlatform'

const LATEST = 'GET /events?after=latest&wait=0&rooms=tea'
const held = (cursor: string) => `GET /events?after=${cursor}&wait=25&rooms=tea`
const short = (cursor: string) => `GET /events?after=${cursor}&wait=0&rooms=tea`

/** A loop for #tea, and in `heard` all that it finds out. */
function createTea() {
  const platform = createFakePlatform()
  const { server, clock } = platform
  const heard: string[] = []
  const tea = { platform, server, clock, heard, rooms: ['tea'] as string[] | null, isBroken: false }
  const loop = createLoop(createClient(platform), platform, {
    rooms: () => tea.rooms,
    onAsked: () => {},
    onPage({ events, reset }, { after }) {
      if (tea.isBroken) throw new Error('a fault in the view')
      if (reset) heard.push('reset')
      if (events.length > 0) heard.push(`after ${after}: ${events.map(({ type, position }) => `${position} ${type}`).join(', ')}`)
    },
    onLink: () => heard.push(loop.connection()),
    onRefused: ({ problem: { status } }) => heard.push(`refused ${status}`),
  })
  return Object.assign(tea, { loop })
}

type Tea = ReturnType<typeof createTea>

/** One that holds its second request, after cursor c1. */
async function follow(): Promise<Tea> {
  const tea = createTea()
  tea.loop.start('c0')
  await tea.server.last().answer(news('c1', joined(1, ann)))
  tea.heard.length = 0
  return tea
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

it('asks for a cursor, then for events for ever, and tells them in order', async () => {
  const tea = createTea()
  tea.loop.start(null)
  await tea.server.last().answer(news('c1'))
  await tea.server.last().answer(news('c2', joined(2, bob), renamed(3, ann)))
  await tea.server.last().answer(news('c3', joined(4, ann, 3)))
  expect(tea.server.lines()).toEqual([LATEST, held('c1'), held('c2'), held('c3')])
  expect(tea.heard).toEqual(['connected', 'after c1: 2 member_joined, 3 user_renamed', 'after c2: 4 member_joined'])
})

it('events that the listener failed on are asked for again', async () => {
  const tea = await follow()
  tea.isBroken = true
  await tea.server.last().answer(news('c2', joined(2, bob)))
  tea.isBroken = false
  await tea.clock.pass(1000)
  expect(tea.server.last().line).toBe(short('c1'))
  await tea.server.last().answer(news('c2', joined(2, bob)))
  expect(tea.heard).toEqual(['after c1: 2 member_joined'])
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
      async ({ loop, clock }) => {
        loop.wake()
        await clock.pass(10)
      },
    ],
    [
      'soon after another wake, on the request after its look',
      async ({ loop, clock, server }) => {
        loop.wake()
        await clock.pass(10)
        await server.last().answer(news('c1'))
        await clock.pass(500)
      },
    ],
    [
      'after a reset',
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
    tea.loop.wake()
    await tea.clock.pass(1000)
    expect(tea.server.requests.length).toBeGreaterThan(length)
    // There is one loop: the request before was given up, not left alone.
    expect(tea.server.requests.filter(({ isOpen }) => isOpen)).toHaveLength(1)
  })

  it.each(Array.from({ length: 16 }, (_, turns) => turns))('%i turns after a failure, on its way to the pause', async (turns) => {
    const tea = await follow()
    const losing = tea.server.last().lose()
    for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
    tea.loop.wake()
    await losing
    await tea.clock.pass(0)
    expect(tea.server.last().line).toBe(short('c1'))
  })

  it('but a wake whose look has been answered makes no second one', async () => {
    const tea = await follow()
    await tea.clock.pass(10_000)
    tea.loop.wake()
    await tea.clock.pass(10)
    tea.loop.wake()
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
      tea.loop.wake()
      await tea.clock.pass(10)
    }
    await tea.clock.pass(1)
    expect(tea.server.requests.length).toBe(length + 2)
  })

  it('only a Retry-After is waited for', async () => {
    const tea = await follow()
    await tea.server.last().refuse(503, { 'Retry-After': '20' })
    tea.loop.wake()
    await tea.clock.pass(5000)
    tea.loop.wake()
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

  it('a caller whom the server does not know is told of, and asked for ever more slowly', async () => {
    const tea = await follow()
    const delays: number[] = []
    for (let round = 0; round < 3; round += 1) {
      await tea.server.last().refuse(401)
      delays.push(await timeToNextRequest(tea))
    }
    expect(delays).toEqual([1000, 2000, 4000])
    expect(tea.heard.filter((line) => line === 'refused 401')).toHaveLength(3)
  })
})

it('a reset is told, and the loop goes on from the new cursor, ever more slowly where resets follow each other', async () => {
  const tea = await follow()
  const delays: number[] = []
  for (let round = 0; round < 3; round += 1) {
    await tea.server.last().answer({ reset: { reason: 'other_log' }, events: [], cursor: `n${round}` })
    delays.push(await timeToNextRequest(tea))
  }
  expect([tea.server.last().line, tea.heard, delays]).toEqual([held('n2'), ['reset', 'reset', 'reset'], [250, 500, 1000]])
})

describe('a server that answers at once', () => {
  it('without news is asked ever more slowly, and at once again after news', async () => {
    const tea = await follow()
    const delays: number[] = []
    for (let round = 0; round < 6; round += 1) {
      await tea.server.last().answer(news('c1'))
      delays.push(await timeToNextRequest(tea))
    }
    await tea.server.last().answer(news('c2', joined(2, bob)))
    expect([delays, tea.server.last().line]).toEqual([[250, 500, 1000, 2000, 4000, 4000], held('c2')])
  })

  it('after a hold is asked again at once', async () => {
    const tea = await follow()
    await tea.clock.pass(24_000)
    await tea.server.last().answer(news('c1'))
    expect([tea.server.last().line, tea.server.last().isOpen]).toEqual([held('c1'), true])
  })
})

describe('a loop with nobody to ask for', () => {
  it('rests, and goes on from its cursor when somebody is there', async () => {
    const tea = await follow()
    tea.rooms = null
    tea.loop.askAgain()
    await tea.clock.pass(60_000)
    expect([tea.loop.isResting(), tea.server.requests.filter(({ isOpen }) => isOpen), tea.clock.timers()]).toEqual([true, [], 0])
    tea.rooms = ['tea']
    tea.loop.askAgain()
    await tea.clock.pass(0)
    expect([tea.loop.isResting(), tea.server.last().line]).toEqual([false, held('c1')])
  })
})

it('two loops share nothing', async () => {
  const [one, other] = [await follow(), await follow()]
  await one.server.last().answer(news('c5', joined(2, bob)))
  await one.server.last().lose()
  await other.server.last().answer(news('d5', joined(7, bob)))
  expect([one.heard, other.heard]).toEqual([['after c1: 2 member_joined'], ['after c1: 7 member_joined']])
  expect([other.server.last().line, other.server.last().isOpen]).toEqual([held('d5'), true])
  one.loop.stop()
  await other.server.last().answer(news('d6', joined(8, bob)))
  expect([other.server.last().line, other.server.last().isOpen]).toEqual([held('d6'), true])
})

describe('a loop that is stopped', () => {
  it.each<[string, (tea: Tea) => Promise<unknown>]>([
    ['in a held request', async () => {}],
    ['in the pause after a failure', ({ server }) => server.last().lose()],
    ['in a pause that the server asked for', ({ server }) => server.last().refuse(503, { 'Retry-After': '60' })],
    [
      'while a wake waits for its turn',
      async ({ loop, server, clock }) => {
        loop.wake()
        await clock.pass(10)
        await server.last().answer(news('c1'))
        loop.wake()
      },
    ],
  ])('%s ends its request and its timers, and says nothing more', async (_name, lead) => {
    const tea = await follow()
    await lead(tea)
    const said = [...tea.heard]
    const { length } = tea.server.requests
    tea.loop.stop()
    tea.loop.wake()
    tea.loop.start('c7')
    await tea.clock.pass(0)
    expect(tea.server.requests.filter(({ isOpen }) => isOpen)).toEqual([])
    expect([tea.clock.timers(), tea.server.requests.length, tea.heard]).toEqual([0, length, said])
  })

  it('does not tell of an answer that came in the same moment', async () => {
    const tea = await follow()
    const answering = tea.server.last().answer(news('c2', joined(2, bob)))
    tea.loop.stop()
    await answering
    expect([tea.heard, tea.server.requests.filter(({ isOpen }) => isOpen)]).toEqual([[], []])
  })

  it('before it started never starts', async () => {
    const tea = createTea()
    tea.loop.stop()
    tea.loop.start('c1')
    await tea.clock.pass(0)
    expect(tea.server.requests).toEqual([])
  })
})
