// @vitest-environment node
// How texts leave the outbox: each once, in order, whatever happens in between.
import { describe, expect, it } from 'vitest'
import { createClient } from '../src/api/client'
import { createPump } from '../src/outbox/pump'
import { createDevice, entry, storeOf } from './device'
import type { Device } from './device'
import { ann, bob, message } from './cast'
import { createFakePlatform } from './fakePlatform'
import type { FakePlatform } from './fakePlatform'
import type { Request } from './fakeServer'

const HOUR = 3_600_000

function startPump(device: Device = createDevice(), platform: FakePlatform = createFakePlatform()) {
  const database = device.openTab()
  const store = storeOf(database)
  const person = { id: ann.id as number | null }
  const told = { changes: 0, unknown: 0 }
  const onUnknown = { act: () => Promise.resolve() }
  const pump = createPump({
    database,
    client: createClient(platform),
    platform,
    userId: () => person.id,
    onChange: () => (told.changes += 1),
    onUnknownCaller: () => {
      told.unknown += 1
      return onUnknown.act()
    },
  })
  const write = async (...texts: string[]) => {
    for (const text of texts) await store.entries.add(entry(text, { at: platform.clock.date() }))
    pump.look()
    await rest(platform)
  }
  const summary = async () => (await store.entries.all()).map(({ text, state }) => `${text}: ${state}`)
  return { ...platform, platform, device, store, pump, person, told, onUnknown, write, summary }
}

/** Lets a little time pass in which IndexedDB answers. */
async function rest(platform: FakePlatform, ms = 0): Promise<void> {
  for (let rounds = 0; rounds < 12; rounds += 1) await platform.clock.pass(0)
  if (ms === 0) return
  await platform.clock.pass(ms)
  await rest(platform)
}

const store1 = (request: Request) => request.answer({ message: message(7, ann, 'stored') })

it('a text leaves when the server has stored it, and the next one goes', async () => {
  const { server, platform, write, summary, told } = startPump()
  await write('one', 'two')
  expect([await summary(), server.requests.length]).toEqual([['one: sending', 'two: waiting'], 1])
  await store1(server.last())
  await rest(platform)
  expect([await summary(), server.last().body]).toEqual([['two: sending'], { text: 'two' }])
  await store1(server.last())
  await rest(platform)
  expect([await summary(), server.requests.length, told.changes > 3]).toEqual([[], 2, true])
})

it('nothing is sent before it is known as whom', async () => {
  const { server, platform, write, person, pump } = startPump()
  person.id = null
  await write('one')
  expect(server.requests).toHaveLength(0)
  person.id = ann.id
  pump.look()
  await rest(platform)
  expect(server.requests).toHaveLength(1)
})

it('texts of another person stay where they are', async () => {
  const { server, store, pump, platform, summary } = startPump()
  await store.entries.add(entry('of bob', { userId: bob.id }))
  pump.look()
  await rest(platform)
  expect([server.requests.length, await summary()]).toEqual([0, ['of bob: waiting']])
})

it.each([
  ['no answer', (request: Request) => request.lose()],
  ['a server error', (request: Request) => request.refuse(502)],
  ['too many requests', (request: Request) => request.refuse(429)],
])('after %s the same request is made again, and nothing overtakes it', async (_name, fail) => {
  const { server, platform, write, summary } = startPump()
  await write('one', 'two')
  await fail(server.last())
  await rest(platform)
  expect(await summary()).toEqual(['one: waiting', 'two: waiting'])
  await rest(platform, 1000)
  expect(server.lines()).toEqual([server.requests[0]?.line, server.requests[0]?.line])
})

it('a wake tries again at once, but not before a Retry-After is over', async () => {
  const { server, platform, write, pump } = startPump()
  await write('one')
  await server.last().lose()
  await rest(platform)
  pump.wake()
  await rest(platform)
  expect(server.requests).toHaveLength(2)
  await server.last().refuse(429, { 'Retry-After': '10' })
  await rest(platform)
  pump.wake()
  await rest(platform, 9999)
  expect(server.requests).toHaveLength(2)
  await rest(platform, 1)
  expect(server.requests).toHaveLength(3)
})

it('a computer clock that is set back, or ahead by less than an hour, holds nothing up', async () => {
  for (const ms of [-HOUR, -10 * HOUR, HOUR / 2]) {
    const { server, platform, write, clock } = startPump()
    await write('one')
    await server.last().lose()
    clock.setAhead(ms)
    await rest(platform, 1000)
    expect(server.requests).toHaveLength(2)
  }
})

it('a refusal keeps the text with the server’s reason, and lets the next one go', async () => {
  const { server, platform, write, store } = startPump()
  await write('one', 'two')
  await server.last().refuse(403, {}, { detail: 'you are muted' })
  await rest(platform)
  const [refused, next] = await store.entries.all()
  expect(refused).toMatchObject({ text: 'one', state: 'refused', status: 403, detail: 'you are muted' })
  expect([next?.state, server.requests.length]).toEqual(['sending', 2])
})

it('a text that is an hour old asks before it is sent, also when it was tried for an hour', async () => {
  const { server, store, pump, platform, summary, write } = startPump()
  await store.entries.add(entry('good morning', { at: platform.clock.date() - HOUR - 1 }))
  await write('tried')
  expect([await summary(), server.requests.length]).toEqual([['good morning: asking', 'tried: sending'], 1])
  await server.last().lose()
  platform.clock.setAhead(72 * HOUR)
  pump.wake()
  await rest(platform)
  expect([await summary(), server.requests.length]).toEqual([['good morning: asking', 'tried: asking'], 1])
})

describe('a server that does not know the sender', () => {
  it('gets the text again when the same person is known by other means', async () => {
    const { server, platform, write, told, summary } = startPump()
    await write('one')
    await server.last().refuse(401)
    await rest(platform)
    expect([server.lines().length, told.unknown, await summary()]).toEqual([2, 1, ['one: sending']])
    // Once, and no more.
    await server.last().refuse(401)
    await rest(platform, 60_000)
    expect([server.lines().length, await summary()]).toEqual([2, ['one: refused']])
  })

  it('does not get it under another name without a word', async () => {
    const { server, platform, write, person, store, onUnknown } = startPump()
    onUnknown.act = async () => {
      person.id = bob.id
      await store.entries.move(ann.id, bob.id)
    }
    await write('one')
    await server.last().refuse(401)
    await rest(platform, 60_000)
    expect(await store.entries.all()).toMatchObject([{ text: 'one', userId: bob.id, state: 'refused', status: 401 }])
    expect(server.requests).toHaveLength(1)
  })

  it('is waited for while nobody is known', async () => {
    const { server, platform, write, person, onUnknown, summary } = startPump()
    onUnknown.act = () => Promise.resolve(void (person.id = null))
    await write('one')
    await server.last().refuse(401)
    await rest(platform)
    expect(await summary()).toEqual(['one: waiting'])
  })

  it('is asked who we are when it stored the text as of somebody else', async () => {
    const { server, platform, write, told } = startPump()
    await write('one')
    await server.last().answer({ message: message(7, bob, 'one') })
    await rest(platform)
    expect(told.unknown).toBe(1)
  })
})

it('an entry that was taken back while it was sent does not come back when its answer is a refusal', async () => {
  const { server, platform, write, store, summary } = startPump()
  await write('one')
  await store.entries.remove([(await store.entries.all())[0]?.requestId ?? ''])
  await server.last().refuse(403)
  await rest(platform)
  expect(await summary()).toEqual([])
})

describe('two pumps', () => {
  it('send one text at a time between them', async () => {
    const first = startPump()
    await first.write('one', 'two')
    const second = startPump(first.device, first.platform)
    // It has just begun, and so does not wait for a turn that may be a dead one's.
    second.pump.look()
    await rest(first.platform)
    expect(first.server.lines()).toEqual([first.server.requests[0]?.line, first.server.requests[0]?.line])
    first.pump.look()
    await rest(first.platform)
    expect(first.server.requests).toHaveLength(2)
    await store1(first.server.last())
    await rest(first.platform)
    expect(first.server.last().body).toEqual({ text: 'two' })
    expect(first.server.requests).toHaveLength(3)
  })

  it('go on when the other one’s turn never ends', async () => {
    const first = startPump()
    const second = startPump(first.device, first.platform)
    second.pump.look()
    await rest(first.platform)
    await first.write('one')
    first.pump.stop()
    second.pump.look()
    await rest(first.platform)
    expect(first.server.requests).toHaveLength(1)
    await rest(first.platform, 20_000)
    expect(first.server.requests).toHaveLength(2)
  })

  it('leave the verdict to the later turn', async () => {
    const first = startPump()
    await first.write('one')
    const second = startPump(first.device, first.platform)
    second.pump.look()
    await rest(first.platform)
    await first.server.requests[0]?.refuse(403)
    await rest(first.platform)
    expect(await first.summary()).toEqual(['one: sending'])
    await store1(first.server.last())
    await rest(first.platform)
    expect([await first.summary(), first.server.requests.length]).toEqual([[], 2])
  })
})
