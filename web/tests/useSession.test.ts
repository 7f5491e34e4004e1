// How a browser becomes somebody, and stays the same person.
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { useSession } from '../src/composables/useSession'
import { ann, bob, inScope } from './cast'
import { startFakeServer } from './fakeServer'

const user = { ...ann, role: 'guest' }

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0)
})

function arrive() {
  const server = startFakeServer()
  const { result: session } = inScope(() => useSession('zh-CN'))
  return { server, session, started: session.start() }
}

it('a person who comes back is known by the cookie, and starts at its cursor', async () => {
  const { server, session, started } = arrive()
  await server.last().answer({ user, rooms: [], cursor: 'c1' })
  expect([await started, session.user.value, server.lines()]).toEqual(['c1', user, ['GET /me']])
})

it('a newcomer gets a name in their language', async () => {
  const { server, session, started } = arrive()
  await server.last().refuse(401)
  expect([server.last().line, server.last().body]).toEqual(['POST /guests', { locale: 'zh-CN' }])
  await server.last().answer({ token: 't', user })
  expect([await started, session.user.value]).toEqual([undefined, user])
})

it('a server that is away is asked until it is back', async () => {
  const { server, session, started } = arrive()
  await server.last().lose()
  await vi.advanceTimersByTimeAsync(1000)
  await server.last().refuse(503)
  expect(session.isTroubled.value).toBe(true)
  await vi.advanceTimersByTimeAsync(2000)
  await server.last().answer({ user, rooms: [], cursor: 'c1' })
  expect([await started, session.isTroubled.value]).toEqual(['c1', false])
})

it('where guests are not taken one can read along', async () => {
  const { server, session, started } = arrive()
  await server.last().refuse(401)
  await server.last().refuse(403)
  await started
  expect([session.state.value, session.user.value]).toEqual(['visitor', null])
})

it('a server that forgot a person gives the name back, if it is free', async () => {
  const { server, session } = arrive()
  await server.last().answer({ user, rooms: [], cursor: 'c1' })
  const renewed = Promise.all([session.renew(), session.renew()])
  await server.last().refuse(401)
  expect(server.last().body).toEqual({ locale: 'zh-CN', name: 'ann' })
  await server.last().refuse(409)
  expect(server.last().body).toEqual({ locale: 'zh-CN' })
  await server.last().answer({ token: 't', user: { ...bob, role: 'guest' } })
  await renewed
  // The feed and the outbox noticed at the same moment, and only one guest was made.
  expect([session.user.value?.name, server.requests.length]).toEqual(['bob', 4])
})

/** A server that makes guests at once, and knows none of them until `knows` says so. */
function arriveUnrecognized() {
  let known: typeof user | null = null
  let guests = 0
  const server = startFakeServer((request) => {
    if (request.line === 'POST /guests') {
      guests += 1
      void request.answer({ token: 't', user: { ...user, id: guests } })
    } else if (known) void request.answer({ user: known, rooms: [], cursor: 'c1' })
    else void request.refuse(401)
  })
  const { result: session, stop } = inScope(() => useSession('en'))
  /** Notices `times` times, each 10 s, that the server does not know us; returns how many guests it made. */
  const guestsAfter = async (times: number) => {
    for (let time = 0; time < times; time += 1) {
      await session.renew()
      await vi.advanceTimersByTimeAsync(10_000)
    }
    return guests
  }
  const knows = (person: typeof user | null) => (known = person)
  return { server, session, stop, started: session.start(), guestsAfter, knows }
}

describe('a server that does not know the guest whom it has just made', () => {
  it('is asked for another one ever more seldom, and the page says so', async () => {
    const { session, started, guestsAfter } = arriveUnrecognized()
    await started
    const states = [session.state.value]
    await session.renew()
    states.push(session.state.value)
    expect(states).toEqual(['known', 'unrecognized'])
    // After 1, 2, 4 … minutes.
    expect([await guestsAfter(6), await guestsAfter(1), await guestsAfter(12), await guestsAfter(360)]).toEqual([
      1, 2, 3, 7,
    ])
    expect(session.state.value).toBe('unrecognized')
  })

  it('may know the next one; and if it forgets that later, there is another one at once', async () => {
    const { session, started, guestsAfter, knows } = arriveUnrecognized()
    await started
    await guestsAfter(6)
    knows({ ...user, id: 2 })
    await session.renew()
    expect([session.state.value, session.user.value?.id]).toEqual(['known', 2])
    knows(null)
    expect([await guestsAfter(1), await guestsAfter(1)]).toEqual([2, 2])
  })

  it('is asked who we are until it knows, without any other guest', async () => {
    const { server, session, started, knows } = arriveUnrecognized()
    await started
    await session.renew()
    server.requests.length = 0
    await vi.advanceTimersByTimeAsync(120_000)
    // After 1, 2, 4, 8 and then each 15 s.
    expect(server.lines()).toEqual(Array(11).fill('GET /me'))
    knows({ ...user, id: 1 })
    window.dispatchEvent(new Event('online'))
    await vi.advanceTimersByTimeAsync(0)
    expect([session.state.value, session.user.value?.id]).toEqual(['known', 1])
    await vi.advanceTimersByTimeAsync(120_000)
    expect(server.requests).toHaveLength(12)
  })

  it('is asked no more when the page is gone', async () => {
    const { server, session, stop, started } = arriveUnrecognized()
    await started
    await session.renew()
    const { length } = server.requests
    stop()
    await vi.advanceTimersByTimeAsync(120_000)
    expect(server.requests).toHaveLength(length)
  })
})

it('a new name is the one that the server confirmed', async () => {
  const { server, session } = arrive()
  await server.last().answer({ user, rooms: [], cursor: 'c1' })
  const renaming = session.rename('anna')
  expect([server.last().line, server.last().body]).toEqual(['PATCH /me', { name: 'anna' }])
  await server.last().answer({ user: { ...user, name: 'Anna' } })
  await renaming
  expect(session.user.value?.name).toBe('Anna')
})
