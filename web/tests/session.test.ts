// How a browser becomes somebody, and stays the same person, in all its tabs.
import { describe, expect, it } from 'vitest'
import { createSession } from '../src/session/session'
import { openDatabase } from '../src/store/database'
import type { Database } from '../src/store/database'
import type { Session } from '../src/wire/protocol'
import { ann, bob } from './cast'
import { createFakePlatform } from './fakePlatform'
import type { FakePlatform } from './fakePlatform'

const user = { ...ann, role: 'guest' }
const me = { user, rooms: [], cursor: 'c1' }
const MINUTE = 60_000

/** A device that keeps what it is told for as long as the test runs. */
function createDevice(platform: FakePlatform): Database {
  return openDatabase({ factory: () => undefined, after: platform.clock.after })
}

/** An engine that has just started, on a device that may have been here before. */
function arrive(platform = createFakePlatform(), device = createDevice(platform)) {
  const told: Session[] = []
  const session = createSession({
    platform,
    database: device,
    onChange: () => told.push(session.current()),
  })
  session.start('zh-CN')
  return { platform, device, session, told, server: platform.server, clock: platform.clock }
}

const settled = (platform: FakePlatform) => platform.clock.pass(0)

it('a person who comes back is known by the cookie', async () => {
  const { platform, server, session } = arrive()
  await server.last().answer(me)
  await settled(platform)
  expect([session.current(), server.lines()]).toEqual([{ state: 'known', user }, ['GET /me']])
})

it('a newcomer gets a name in their language, and may write before the cookie was tried', async () => {
  const { platform, server, session } = arrive()
  await server.last().refuse(401)
  await settled(platform)
  expect([server.last().line, server.last().body]).toEqual(['POST /guests', { locale: 'zh-CN' }])
  await server.last().answer({ token: 't1', user })
  await settled(platform)
  expect([session.current(), server.last().line]).toEqual([{ state: 'known', user }, 'GET /me'])
  await server.last().answer(me)
  expect([session.current(), server.requests.length]).toEqual([{ state: 'known', user }, 3])
})

it('until the server answers we are who we were, so that one can write without a network', async () => {
  const { platform, server, device } = arrive()
  await server.last().answer(me)
  await settled(platform)
  const later = arrive(createFakePlatform(), device)
  await later.server.last().lose()
  await settled(later.platform)
  expect(later.session.current()).toEqual({ state: 'starting', user })
})

it('a server that is away is asked until it is back', async () => {
  const { platform, server, session, clock } = arrive()
  await server.last().lose()
  await clock.pass(1000)
  await server.last().refuse(503)
  await clock.pass(2000)
  await server.last().answer(me)
  await settled(platform)
  expect([session.current().state, clock.timers()]).toEqual(['known', 0])
})

it('where guests are not taken one can read along, and is told the server’s reason', async () => {
  const { platform, server, session } = arrive()
  await server.last().refuse(401)
  await settled(platform)
  await server.last().refuse(403, {}, { detail: 'this server takes no guests' })
  await settled(platform)
  expect(session.current()).toEqual({ state: 'visitor', user: null, detail: 'this server takes no guests' })
})

it('a banned person is told so', async () => {
  const { platform, server, session } = arrive()
  await server.last().refuse(403, {}, { code: 'banned', detail: 'until tomorrow' })
  await settled(platform)
  expect(session.current()).toEqual({ state: 'banned', user: null, detail: 'until tomorrow' })
})

it('a server that forgot a person gives the name back, if it is free', async () => {
  const { platform, server, session, clock } = arrive()
  await server.last().answer(me)
  await clock.pass(2 * MINUTE)
  const renewed = Promise.all([session.renew(), session.renew()])
  await server.last().refuse(401)
  await settled(platform)
  expect(server.last().body).toEqual({ locale: 'zh-CN', name: 'ann' })
  await server.last().refuse(409)
  await settled(platform)
  expect(server.last().body).toEqual({ locale: 'zh-CN' })
  await server.last().answer({ token: 't1', user: { ...bob, role: 'guest' } })
  await settled(platform)
  await server.last().answer({ ...me, user: { ...bob, role: 'guest' } })
  await renewed
  // The loop and the outbox noticed at the same moment, and only one guest was made.
  expect([session.current().user?.name, server.requests.length]).toEqual(['bob', 5])
})

it('a new name is told to all tabs', async () => {
  const { platform, server, session, told } = arrive()
  await server.last().answer(me)
  await settled(platform)
  session.take({ ...user, name: 'Anna' })
  session.take({ ...user, name: 'Anna' })
  session.take({ ...bob, role: 'guest' })
  expect(told.map(({ user: person }) => person?.name)).toEqual(['ann', 'Anna'])
})

/** A server that knows people by bearer alone, as where cookies are blocked. */
function answerByBearer(platform: FakePlatform): void {
  for (const request of platform.server.requests.filter(({ isOpen }) => isOpen)) {
    if (request.line === 'POST /guests') void request.answer({ token: 't1', user })
    else if (request.headers.get('Authorization') === 'Bearer t1') void request.answer(me)
    else void request.refuse(401)
  }
}

async function answerAll(platform: FakePlatform): Promise<void> {
  for (let rounds = 0; rounds < 10; rounds += 1) {
    answerByBearer(platform)
    await settled(platform)
  }
}

describe('where the cookie does not come back', () => {
  it('the token of the guest serves instead, and is handed to the tabs', async () => {
    const { platform, session, server } = arrive()
    await answerAll(platform)
    expect(session.current()).toEqual({ state: 'known', user, token: 't1' })
    expect(server.lines()).toEqual(['GET /me', 'POST /guests', 'GET /me', 'GET /me'])
  })

  it('an engine that follows one that died takes the token from the tabs, and makes no guest', async () => {
    const platform = createFakePlatform()
    const session = createSession({
        platform,
      database: createDevice(platform),
      onChange: () => {},
    })
    session.adopt('t1')
    session.start('en')
    await answerAll(platform)
    expect(session.current()).toEqual({ state: 'known', user, token: 't1' })
    expect(platform.server.lines()).toEqual(['GET /me', 'GET /me'])
  })
})

/** A server that makes guests and answers 401 to each of them, until `knows` says otherwise. */
function createForgetful(platform: FakePlatform) {
  let known: typeof user | null = null
  const guestsAt: number[] = []
  const answer = () => {
    for (const request of platform.server.requests.filter(({ isOpen }) => isOpen)) {
      if (request.line === 'POST /guests') {
        guestsAt.push(platform.clock.now())
        void request.answer({ token: 't', user: { ...user, id: guestsAt.length } })
      } else if (known) void request.answer({ ...me, user: known })
      else void request.refuse(401)
    }
  }
  const pass = async (ms: number) => {
    for (const end = platform.clock.now() + ms; platform.clock.now() < end; ) {
      answer()
      await platform.clock.pass(250)
    }
  }
  return { guestsAt, pass, knows: (person: typeof user) => (known = person) }
}

describe('a server that does not know the guest whom it has just made', () => {
  it('is asked for another one ever more seldom, however often requests fail, and the page says so', async () => {
    const { platform, session } = arrive()
    const server = createForgetful(platform)
    for (let minutes = 0; minutes < 20; minutes += 1) {
      await server.pass(MINUTE)
      void session.renew()
    }
    const apart = server.guestsAt.slice(1).map((at, index) => Math.round((at - (server.guestsAt[index] ?? 0)) / MINUTE))
    expect([session.current().state, apart]).toEqual(['unrecognized', [1, 2, 4, 8]])
  })

  it('makes no second guest in a minute, whatever a person reloads or opens', async () => {
    const platform = createFakePlatform()
    const device = createDevice(platform)
    const server = createForgetful(platform)
    for (let reloads = 0; reloads < 10; reloads += 1) {
      const { session } = arrive(platform, device)
      await server.pass(5000)
      session.stop()
    }
    expect(server.guestsAt).toHaveLength(1)
  })

  it('is not asked for more guests by a clock that jumps ahead', async () => {
    const { platform, session } = arrive()
    const server = createForgetful(platform)
    await server.pass(1000)
    platform.clock.setAhead(3_600_000)
    void session.renew()
    await server.pass(50_000)
    expect(server.guestsAt).toHaveLength(1)
  })

  it('is asked who we are until it knows', async () => {
    const { platform, session } = arrive()
    const server = createForgetful(platform)
    await server.pass(30_000)
    expect(session.current().state).toBe('unrecognized')
    server.knows({ ...user, id: 1 })
    await server.pass(30_000)
    expect([session.current().state, session.current().user?.id, server.guestsAt.length]).toEqual(['known', 1, 1])
    const { length } = platform.server.requests
    await server.pass(120_000)
    expect(platform.server.requests).toHaveLength(length)
  })

  it('is asked no more when the engine stops', async () => {
    const { platform, session } = arrive()
    const server = createForgetful(platform)
    await server.pass(10_000)
    session.stop()
    const { length } = platform.server.requests
    await server.pass(120_000)
    expect(platform.server.requests).toHaveLength(length)
  })
})

it.each([
  ['no answer', (request: { lose(): unknown }) => request.lose()],
  ['a server error', (request: { refuse(status: number): unknown }) => request.refuse(502)],
])('after %s to the request for a guest there may be one, so the next waits for a minute', async (_name, fail) => {
  const platform = createFakePlatform()
  const { session, server, clock } = arrive(platform)
  const answer = (request: (typeof server.requests)[number]) =>
    request.line === 'POST /guests' ? fail(request) : request.refuse(401)
  for (let seconds = 0; seconds < 59; seconds += 1) {
    for (const request of server.requests.filter(({ isOpen }) => isOpen)) void answer(request)
    await clock.pass(1000)
  }
  expect(server.lines().filter((line) => line === 'POST /guests')).toHaveLength(1)
  expect(session.current().state).toBe('starting')
})
