// @vitest-environment node
// The engine with a clock and a server of its own, and tabs that are played.
import { describe, expect, it } from 'vitest'
import type { RoomEvent, User } from '../src/api/types'
import { createEngine } from '../src/wire/engine'
import type { SessionSource } from '../src/wire/engine'
import type { EngineMessage, Session, TabMessage } from '../src/wire/protocol'
import { ann, bob, joined } from './cast'
import { createFakePlatform } from './fakePlatform'

const asks = (cursor: string, rooms: string, wait = 25) =>
  `GET /events?after=${cursor}&wait=${wait}${rooms && `&rooms=${rooms}`}`

/** An engine that no tab has spoken to, and in `said` all that it says but how the link stands. */
function createTea({ session }: { session?: SessionSource } = {}) {
  const platform = createFakePlatform()
  const said: EngineMessage[] = []
  const links: EngineMessage[] = []
  let tellChange: () => void
  const engine = createEngine({
    platform,
    post: (message) => (message.type === 'link' ? links : said).push(structuredClone(message)),
    ...(session && {
      createSession: ({ onChange }) => {
        tellChange = onChange
        return session
      },
    }),
  })
  const { server, clock } = platform
  return { engine, server, clock, platform, said, links, tellChange: () => tellChange() }
}

type Tea = ReturnType<typeof createTea>

function hello(tab: string, rooms: string[], cursor: string | null): TabMessage {
  return { type: 'hello', tab, rooms, cursor, isVisible: true, locale: 'en' }
}

/** One whose first tab looks at #tea, and holds its first request after cursor c1. */
async function follow(): Promise<Tea> {
  const tea = createTea()
  tea.engine.hear(hello('t1', ['tea'], 'c1'))
  await tea.server.last().answer(news('c1'))
  tea.server.requests.shift()
  tea.said.length = 0
  return tea
}

function news(cursor: string, ...events: RoomEvent[]) {
  return { events, cursor }
}

/** Writes what was said down, a line a message: `t1: begin c1`, `page c1 to c2: 2`. */
function lines(said: EngineMessage[]): string[] {
  return said.map((message) => `${message.to === undefined ? '' : `${message.to}: `}${line(message)}`)
}

function line(message: EngineMessage): string {
  switch (message.type) {
    case 'begin':
    case 'reset':
      return `${message.type} ${message.cursor}`
    case 'page':
      return `page ${message.from} to ${message.to_cursor}: ${message.events.map(({ position }) => position).join()}`
    case 'watching':
      return `watching ${message.rooms.join()}`
    case 'gap':
      return `gap ${message.room}`
    case 'session':
      return `session ${message.session.state}`
    default:
      return message.type
  }
}

function open({ server }: Tea): string[] {
  return server.requests.filter(({ isOpen }) => isOpen).map(({ line: asked }) => asked)
}

describe('a tab that says hello', () => {
  it('begins at its own cursor where the engine has none, and every page joins on', async () => {
    const tea = createTea()
    tea.engine.hear(hello('t1', ['tea'], 'c1'))
    expect(open(tea)).toEqual([asks('c1', 'tea', 0)])
    await tea.server.last().answer(news('c2', joined(2, bob)))
    await tea.server.last().answer(news('c3', joined(3, ann)))
    expect(open(tea)).toEqual([asks('c3', 'tea')])
    expect(lines(tea.said)).toEqual(['t1: begin c1', 'watching tea', 't1: watching tea', 'page c1 to c2: 2', 'page c2 to c3: 3'])
  })

  it('without any cursor begins where the server is, and is told when that is known', async () => {
    const tea = createTea()
    tea.engine.hear(hello('t1', ['tea'], null))
    expect(open(tea)).toEqual([asks('latest', 'tea', 0)])
    await tea.server.last().answer(news('c1'))
    expect(lines(tea.said)).toEqual(['t1: begin null', 'watching tea', 't1: watching tea', 't1: begin c1'])
  })

  it('with a cursor, while the engine asks where the server is, begins there as well', async () => {
    const tea = createTea()
    tea.engine.hear(hello('t1', ['tea'], null))
    tea.engine.hear(hello('t2', ['tea'], 'c1'))
    await tea.server.last().answer(news('c5'))
    expect(lines(tea.said).filter((said) => said.includes('begin'))).toEqual([
      't1: begin null', 't2: begin null', 't1: begin c5', 't2: begin c5',
    ])
  })

  it('with the cursor of a moment ago hears the pages since', async () => {
    const tea = await follow()
    await tea.server.last().answer(news('c2', joined(2, bob)))
    await tea.server.last().answer(news('c3', joined(3, ann)))
    tea.said.length = 0
    tea.engine.hear(hello('t2', ['tea'], 'c2'))
    expect(lines(tea.said)).toEqual(['t2: begin c2', 't2: page c2 to c3: 3', 't2: watching tea'])
    expect(open(tea)).toEqual([asks('c3', 'tea')])
  })

  it.each([
    ['with a cursor that is not known', ['tea'], 'c0'],
    ['that looks at a room which those pages leave out', ['cake', 'tea'], 'c2'],
  ])('%s begins where the engine is', async (_name, rooms, cursor) => {
    const tea = await follow()
    await tea.server.last().answer(news('c2', joined(2, bob)))
    await tea.server.last().answer(news('c3', joined(3, ann)))
    tea.said.length = 0
    tea.engine.hear(hello('t2', rooms, cursor))
    await tea.clock.pass(0)
    expect(lines(tea.said)[0]).toBe('t2: begin c3')
    expect(open(tea)).toEqual([asks('c3', rooms.join())])
  })
})

describe('the rooms that are asked for', () => {
  it('are those of all tabs; a new one is asked for at once, and then said', async () => {
    const tea = await follow()
    tea.engine.hear(hello('t2', ['tea'], null))
    expect(tea.server.requests).toHaveLength(1)
    tea.engine.hear({ type: 'watch', tab: 't2', rooms: ['cake'] })
    await tea.clock.pass(0)
    expect(open(tea)).toEqual([asks('c1', 'cake,tea')])
    expect(lines(tea.said).at(-1)).toBe('watching cake,tea')
  })

  it('lose one that nobody looks at any more at the next request', async () => {
    const tea = await follow()
    tea.engine.hear({ type: 'watch', tab: 't1', rooms: ['tea', 'cake'] })
    await tea.clock.pass(0)
    tea.engine.hear({ type: 'watch', tab: 't1', rooms: ['cake'] })
    await tea.clock.pass(0)
    expect(open(tea)).toEqual([asks('c1', 'cake,tea')])
    await tea.server.last().answer(news('c2', joined(2, bob)))
    expect(open(tea)).toEqual([asks('c2', 'cake')])
  })

  it('an answer that came in the moment when a room was added is asked for again', async () => {
    const tea = await follow()
    const answering = tea.server.last().answer(news('c2', joined(2, bob)))
    tea.engine.hear({ type: 'watch', tab: 't1', rooms: ['cake', 'tea'] })
    await answering
    expect(lines(tea.said)).toEqual(['watching cake,tea'])
    expect(open(tea)).toEqual([asks('c1', 'cake,tea')])
  })
})

describe('tabs that are gone', () => {
  it('leave no request behind when the last of them says bye, and one that comes goes on', async () => {
    const tea = await follow()
    await tea.server.last().answer(news('c2', joined(2, bob)))
    tea.engine.hear({ type: 'bye', tab: 't1' })
    await tea.clock.pass(0)
    expect([open(tea), tea.clock.timers()]).toEqual([[], 0])
    tea.said.length = 0
    tea.engine.hear(hello('t2', ['tea'], 'c1'))
    await tea.clock.pass(0)
    expect(open(tea)).toEqual([asks('c2', 'tea')])
    expect(lines(tea.said)).toEqual(['t2: begin c1', 't2: page c1 to c2: 2'])
  })

  it('without a word count as gone after three minutes of silence, and are asked to say hello again', async () => {
    const tea = await follow()
    tea.engine.hear(hello('t2', ['cake'], null))
    for (let held = 0; held < 8; held += 1) {
      await tea.clock.pass(24_000)
      tea.engine.hear({ type: 'alive', tab: 't1' })
      await tea.server.last().answer(news(`h${held}`))
    }
    await tea.server.last().answer(news('c2', joined(2, bob)))
    expect(open(tea)).toEqual([asks('c2', 'tea')])
    tea.engine.hear({ type: 'alive', tab: 't2' })
    expect(lines(tea.said).at(-1)).toBe('t2: introduce')
  })
})

it('a reset is told, and the engine goes on from the new cursor', async () => {
  const tea = await follow()
  await tea.server.last().answer({ reset: { reason: 'other_log' }, events: [], cursor: 'n1' })
  await tea.clock.pass(250)
  expect(lines(tea.said)).toEqual(['reset n1'])
  expect(open(tea)).toEqual([asks('n1', 'tea')])
})

it('a room that is not there keeps no other from being heard, and is asked for when it is looked at anew', async () => {
  const tea = createTea()
  tea.engine.hear(hello('t1', ['gone', 'tea'], 'c1'))
  await tea.server.last().refuse(404)
  await tea.server.last().refuse(404)
  await tea.server.last().answer({ id: 1, slug: 'tea' })
  await tea.clock.pass(0)
  expect(tea.server.lines().slice(-3)).toEqual(['GET /rooms/gone', 'GET /rooms/tea', asks('c1', 'tea', 0)])
  tea.engine.hear({ type: 'watch', tab: 't1', rooms: ['tea'] })
  tea.engine.hear({ type: 'watch', tab: 't1', rooms: ['gone', 'tea'] })
  await tea.clock.pass(0)
  expect(open(tea)).toEqual([asks('c1', 'gone,tea', 0)])
})

describe('an event', () => {
  it('that comes again is told once', async () => {
    const tea = await follow()
    await tea.server.last().answer(news('c2', joined(2, bob)))
    await tea.server.last().answer(news('c2', joined(2, bob)))
    await tea.clock.pass(250)
    await tea.server.last().answer(news('c3', joined(2, bob), joined(3, ann)))
    expect(lines(tea.said)).toEqual(['page c1 to c2: 2', 'page c2 to c3: 3'])
  })

  it('that is missing is told as a gap of its room, once', async () => {
    const tea = await follow()
    await tea.server.last().answer(news('c2', joined(2, bob)))
    await tea.server.last().answer(news('c5', joined(5, ann), joined(6, ann)))
    expect(lines(tea.said)).toEqual(['page c1 to c2: 2', 'gap tea', 'page c2 to c5: 5,6'])
  })

  it('of a room that was not looked at for a while leaves no gap', async () => {
    const tea = await follow()
    await tea.server.last().answer(news('c2', joined(2, bob)))
    tea.engine.hear({ type: 'watch', tab: 't1', rooms: ['cake'] })
    await tea.clock.pass(0)
    tea.engine.hear({ type: 'watch', tab: 't1', rooms: ['tea'] })
    await tea.clock.pass(0)
    await tea.server.last().answer(news('c9', joined(9, bob)))
    expect(lines(tea.said)).toEqual(['page c1 to c2: 2', 'watching cake', 'watching tea', 'page c2 to c9: 9'])
  })
})

describe('a wake', () => {
  it('makes one look that is not held, and then the engine holds again', async () => {
    const tea = await follow()
    await tea.clock.pass(10_000)
    tea.engine.hear({ type: 'wake', tab: 't1' })
    tea.engine.hear({ type: 'wake', tab: 't1' })
    await tea.clock.pass(0)
    expect(open(tea)).toEqual([asks('c1', 'tea', 0)])
    await tea.server.last().answer(news('c1'))
    expect(open(tea)).toEqual([asks('c1', 'tea')])
    expect(tea.server.requests.map(({ line: asked }) => asked)).toEqual([asks('c1', 'tea'), asks('c1', 'tea', 0), asks('c1', 'tea')])
  })
})

it('an answer with news leads to the next request without a timer', async () => {
  const tea = await follow()
  for (let answered = 2; answered < 20; answered += 1) {
    await tea.server.last().answer(news(`c${answered}`, joined(answered, bob)))
  }
  expect([tea.clock.now(), tea.server.requests.length, open(tea)]).toEqual([0, 19, [asks('c19', 'tea')]])
})

const user: User = { ...ann, role: 'guest' }
function playSession() {
  const calls: string[] = []
  let current: Session = { state: 'starting', user: null }
  const session: SessionSource = {
    current: () => current,
    start: (locale) => calls.push(`start ${locale}`),
    renew: () => calls.push('renew'),
    take: ({ name }) => calls.push(`take ${name}`),
  }
  return { session, calls, become: (next: Session) => (current = next) }
}

describe('the session', () => {
  it('of a browser without cookies goes with each request as a bearer', async () => {
    const { session, become } = playSession()
    const tea = createTea({ session })
    tea.engine.hear(hello('t1', ['tea'], 'c1'))
    become({ state: 'known', user, token: 'secret' })
    tea.tellChange()
    await tea.clock.pass(0)
    expect(tea.server.requests.map(({ headers }) => headers.get('Authorization'))).toEqual([null, 'Bearer secret'])
  })

  it('is waited for where no room is looked at, and a new person is asked for at once', async () => {
    const { session, become } = playSession()
    const tea = createTea({ session })
    tea.engine.hear(hello('t1', [], 'c1'))
    expect(open(tea)).toEqual([])
    become({ state: 'known', user })
    tea.tellChange()
    await tea.clock.pass(0)
    expect(open(tea)).toEqual([asks('c1', '', 0)])
    expect(lines(tea.said)).toEqual(['t1: begin c1', 'session known'])
  })

  it('is renewed when the server does not know the caller, whoever noticed', async () => {
    const { session, calls } = playSession()
    const tea = createTea({ session })
    tea.engine.hear(hello('t1', ['tea'], 'c1'))
    await tea.server.last().refuse(401)
    tea.engine.hear({ type: 'unknown_caller', tab: 't1' })
    tea.engine.hear({ type: 'renamed', tab: 't1', user })
    expect(calls).toEqual(['start en', 'renew', 'renew', 'take ann'])
  })
})

it('an engine that is stopped leaves neither request nor timer', async () => {
  const tea = await follow()
  await tea.server.last().lose()
  tea.engine.stop()
  await tea.clock.pass(0)
  expect([open(tea), tea.clock.timers()]).toEqual([[], 0])
})

it('the link says since when a request is held, and how many tabs share it', async () => {
  const tea = await follow()
  await tea.clock.pass(4000)
  tea.engine.hear(hello('t2', ['tea'], 'c1'))
  const told = tea.links.at(-1)
  const since = tea.clock.date() - 4000
  expect(told).toMatchObject({ link: { connection: 'connected', heldSince: since, heardAt: since, tabs: 2, holdS: 25 } })
})
