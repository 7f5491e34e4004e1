// How a browser becomes somebody, and stays the same person.
import { beforeEach, expect, it, vi } from 'vitest'
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

it('whoever comes back is known by the cookie, and starts at its cursor', async () => {
  const { server, session, started } = arrive()
  await server.last().answer({ user, rooms: [], cursor: 'c1' })
  expect([await started, session.user.value, server.lines()]).toEqual(['c1', user, ['GET /me']])
})

it('whoever is new gets a name in their language', async () => {
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

it('a new name is the one that the server confirmed', async () => {
  const { server, session } = arrive()
  await server.last().answer({ user, rooms: [], cursor: 'c1' })
  const renaming = session.rename('anna')
  expect([server.last().line, server.last().body]).toEqual(['PATCH /me', { name: 'anna' }])
  await server.last().answer({ user: { ...user, name: 'Anna' } })
  await renaming
  expect(session.user.value?.name).toBe('Anna')
})
