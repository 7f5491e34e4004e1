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
  // Two who noticed at the same moment made one guest.
  expect([session.user.value?.name, server.requests.length]).toEqual(['bob', 4])
})

/** Answers all requests: each guest is made, and none is ever known. */
function arriveUnrecognized() {
  const server = startFakeServer((request) => {
    if (request.line === 'GET /me') void request.refuse(401)
    else void request.answer({ token: 't', user: { ...user, id: server.requests.length } })
  })
  const { result: session } = inScope(() => useSession('en'))
  const guests = () => server.lines().filter((line) => line === 'POST /guests').length
  /** Notices every second that the server does not know us; returns how many guests it made. */
  const guestsAfter = async (seconds: number) => {
    for (let second = 0; second < seconds; second += 1) {
      await session.renew()
      await vi.advanceTimersByTimeAsync(1000)
    }
    return guests()
  }
  return { server, session, started: session.start(), guestsAfter }
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
    expect([await guestsAfter(59), await guestsAfter(60), await guestsAfter(120), await guestsAfter(3600)]).toEqual([
      1, 2, 3, 7,
    ])
    expect(session.state.value).toBe('unrecognized')
  })

  it('may know the next one, and all is well again', async () => {
    const { server, session } = arrive()
    await server.last().refuse(401)
    await server.last().answer({ token: 't', user })
    const renew = async () => {
      const renewed = session.renew()
      await server.last().refuse(401)
      return renewed
    }
    await renew()
    await vi.advanceTimersByTimeAsync(60_000)
    const renewed = renew()
    await vi.advanceTimersByTimeAsync(0)
    await server.last().answer({ token: 't', user: { ...bob, role: 'guest' } })
    expect([server.last().line, session.state.value]).toEqual(['GET /me', 'unrecognized'])
    await server.last().answer({ user: { ...bob, role: 'guest' }, rooms: [], cursor: 'c1' })
    await renewed
    expect([session.state.value, session.user.value?.name]).toEqual(['known', 'bob'])
    // A server that knew us and forgets us makes a new guest at once.
    void renew()
    await vi.advanceTimersByTimeAsync(0)
    expect(server.last().line).toBe('POST /guests')
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
