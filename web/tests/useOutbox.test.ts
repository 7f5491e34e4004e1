// The fate of messages between Enter and the server's answer.
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { shallowRef } from 'vue'
import type { Author, Message } from '../src/api/types'
import { AGE_MS_MAX, useOutbox } from '../src/composables/useOutbox'
import { mergeMessages, UNREAD_ROOM } from '../src/feed/roomState'
import { ann, bob, inScope, message } from './cast'
import { startFakeServer } from './fakeServer'
import type { Request } from './fakeServer'

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-21T10:00:00.000Z') })
  vi.spyOn(Math, 'random').mockReturnValue(0)
  localStorage.clear()
})

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

function openPage(by: Author | null = ann) {
  const user = shallowRef<Author | null>(by)
  const state = shallowRef(UNREAD_ROOM)
  const stored: Message[] = []
  const onUnknownCaller = vi.fn<() => void>()
  const { result: outbox, stop } = inScope(() =>
    useOutbox({ room: 'tea', user, state, onStored: (said) => stored.push(said), onUnknownCaller }),
  )
  const see = (said: Message) => (state.value = mergeMessages(state.value, [said]))
  return { outbox, user, stored, see, onUnknownCaller, close: stop }
}

function summary({ outbox }: ReturnType<typeof openPage>) {
  return outbox.entries.value.map(({ text, state }) => `${text}: ${state}`)
}

const requestIdOf = (line: string | undefined) => /^PUT \/rooms\/tea\/messages\/([0-9a-f]{32})$/.exec(line ?? '')?.[1]

it('a message shows at once and leaves when the server has stored it', async () => {
  const server = startFakeServer()
  const page = openPage()
  page.outbox.add('hello')
  expect(summary(page)).toEqual(['hello: sending'])
  expect(server.last().body).toEqual({ text: 'hello' })
  await server.last().answer({ message: message(7, ann, 'hello') })
  expect([summary(page), page.stored.map(({ id }) => id), localStorage.length]).toEqual([[], [7], 0])
})

it.each([
  ['that does not say', undefined],
  ['that says', 'the same'],
])('a stored message bears the request id it was sent under, from a server %s', async (_name, says) => {
  const server = startFakeServer()
  const page = openPage()
  page.outbox.add('hello')
  const requestId = requestIdOf(server.last().line)
  await server.last().answer({ message: message(7, ann, 'hello', says && requestId) })
  expect(page.stored).toEqual([message(7, ann, 'hello', requestId)])
})

describe('a message that is seen in the room', () => {
  it('leaves the outbox before its answer comes', async () => {
    const server = startFakeServer()
    const page = openPage()
    page.outbox.add('one')
    page.outbox.add('two')
    page.see(message(7, ann, 'one', requestIdOf(server.last().line)))
    expect([summary(page), localStorage.length]).toEqual([['two: waiting'], 1])
    await server.last().answer({ message: message(7, ann, 'one') })
    expect([summary(page), server.last().body]).toEqual([['two: sending'], { text: 'two' }])
  })

  it.each([
    ['is lost', (request: Request) => request.lose()],
    ['is a refusal', (request: Request) => request.refuse(403)],
  ])('does not come back when its answer %s', async (_name, fail) => {
    const server = startFakeServer()
    const page = openPage()
    page.outbox.add('hello')
    page.see(message(7, ann, 'hello', requestIdOf(server.last().line)))
    await fail(server.last())
    await pass(60_000)
    expect([summary(page), localStorage.length, server.requests.length]).toEqual([[], 0, 1])
  })

  it('leaves the outbox that a reload found in storage', async () => {
    const server = startFakeServer()
    const before = openPage()
    before.outbox.add('hello')
    before.close()
    await pass(AGE_MS_MAX + 1)
    const after = openPage()
    expect(summary(after)).toEqual(['hello: asking'])
    after.see(message(7, ann, 'hello', requestIdOf(server.last().line)))
    expect([summary(after), localStorage.length, server.requests.length]).toEqual([[], 0, 1])
  })

  it('leaves the outbox of every tab', () => {
    const server = startFakeServer()
    const tabs = [openPage(), openPage()]
    tabs[0]?.outbox.add('hello')
    // The third tab opens while the message is under way.
    tabs.push(openPage())
    expect(tabs.map(summary)).toEqual([['hello: sending'], [], ['hello: sending']])
    for (const tab of tabs) tab.see(message(7, ann, 'hello', requestIdOf(server.requests[0]?.line)))
    expect(tabs.map(summary)).toEqual([[], [], []])
  })

  it('before the person is known leaves storage without being sent again', () => {
    const server = startFakeServer()
    const before = openPage()
    before.outbox.add('hello')
    before.close()
    const after = openPage(null)
    after.see(message(7, ann, 'hello', requestIdOf(server.last().line)))
    after.user.value = ann
    expect([summary(after), localStorage.length, server.requests.length]).toEqual([[], 0, 1])
  })

  it.each([
    ['with the same text and no request id', () => message(7, ann, 'hello')],
    ['with the same text and another request id', () => message(7, ann, 'hello', 'another')],
    ['of somebody else with the same request id', (id?: string) => message(7, bob, 'hello', id)],
  ])('%s is another one', (_name, seen) => {
    const server = startFakeServer()
    const page = openPage()
    page.outbox.add('hello')
    page.see(seen(requestIdOf(server.last().line)))
    expect(summary(page)).toEqual(['hello: sending'])
  })

  it('stands for one of two with the same text', () => {
    const server = startFakeServer()
    const page = openPage()
    page.outbox.add('yes')
    page.outbox.add('yes')
    page.see(message(7, ann, 'yes', requestIdOf(server.last().line)))
    expect(summary(page)).toEqual(['yes: waiting'])
  })
})

it('request ids are made without crypto.randomUUID, which plain HTTP does not have', () => {
  vi.stubGlobal('crypto', { getRandomValues: crypto.getRandomValues.bind(crypto) })
  const server = startFakeServer()
  openPage().outbox.add('hello')
  expect(requestIdOf(server.last().line)).toHaveLength(32)
})

it.each([
  ['no answer', (request: Request) => request.lose()],
  ['a server error', (request: Request) => request.refuse(502)],
  ['too many requests', (request: Request) => request.refuse(429)],
])('after %s the same request id is tried again', async (_name, fail) => {
  const server = startFakeServer()
  const page = openPage()
  page.outbox.add('hello')
  await fail(server.last())
  expect(summary(page)).toEqual(['hello: waiting'])
  await pass(1000)
  const [first, second] = server.requests
  expect(second?.line).toBe(first?.line)
  await server.last().answer({ message: message(7, ann, 'hello') })
  expect(page.stored.map(({ id }) => id)).toEqual([7])
})

it('a Retry-After is kept to', async () => {
  const server = startFakeServer()
  openPage().outbox.add('hello')
  await server.last().refuse(429, { 'Retry-After': '10' })
  await pass(9999)
  expect(server.requests).toHaveLength(1)
  await pass(1)
  expect(server.requests).toHaveLength(2)
})

it('messages go out one after another, in the order in which they were written', async () => {
  const server = startFakeServer()
  const page = openPage()
  page.outbox.add('one')
  page.outbox.add('two')
  expect(server.requests).toHaveLength(1)
  await server.last().lose()
  await pass(1000)
  expect(server.last().body).toEqual({ text: 'one' })
  await server.last().answer({ message: message(7, ann, 'one') })
  expect(server.last().body).toEqual({ text: 'two' })
  await server.last().answer({ message: message(8, ann, 'two') })
  expect(page.stored.map(({ text }) => text)).toEqual(['one', 'two'])
})

it('a refused message waits for a hand and does not hold up the next', async () => {
  const server = startFakeServer()
  const page = openPage()
  page.outbox.add('one')
  page.outbox.add('two')
  await server.last().refuse(403)
  expect(summary(page)).toEqual(['one: refused', 'two: sending'])
  await pass(600_000)
  expect(server.requests.filter(({ body }) => JSON.stringify(body).includes('one'))).toHaveLength(1)
})

function sendAgain({ outbox }: ReturnType<typeof openPage>): void {
  outbox.retry(outbox.entries.value[0]?.requestId ?? '')
}

describe('sending a refused message again', () => {
  it.each([401, 403, 404])('keeps its request id after %i, for an earlier attempt may have been stored', async (status) => {
    const server = startFakeServer()
    const page = openPage()
    page.outbox.add('hello')
    await server.last().lose()
    await pass(1000)
    await server.last().refuse(status)
    sendAgain(page)
    expect(summary(page)).toEqual(['hello: sending'])
    const [first, ...later] = server.lines()
    expect(later).toEqual([first, first])
    await server.last().answer({ message: message(7, ann, 'hello') })
    expect([summary(page), page.stored.map(({ id }) => id), localStorage.length]).toEqual([[], [7], 0])
  })

  it('takes a new request id after 409, for the old one stands for another message', async () => {
    const server = startFakeServer()
    const page = openPage()
    page.outbox.add('hello')
    await server.last().refuse(409)
    sendAgain(page)
    expect([summary(page), localStorage.length]).toEqual([['hello: sending'], 1])
    const [first, second] = server.lines().map(requestIdOf)
    expect(second).toHaveLength(32)
    expect(second).not.toBe(first)
  })

  it.each([400, 413, 415, 422])('is of no use after %i: the text itself cannot be taken', async (status) => {
    const server = startFakeServer()
    const page = openPage()
    page.outbox.add('hello')
    await server.last().refuse(status)
    sendAgain(page)
    expect([summary(page), server.requests.length]).toEqual([['hello: refused'], 1])
    page.close()
    // Nor after a reload.
    const after = openPage()
    sendAgain(after)
    expect([summary(after), server.requests.length]).toEqual([['hello: refused'], 1])
  })
})

it('a discarded message is gone for good', async () => {
  const server = startFakeServer()
  const page = openPage()
  page.outbox.add('hello')
  await server.last().refuse(403)
  page.outbox.discard(page.outbox.entries.value[0]?.requestId ?? '')
  expect([summary(page), localStorage.length]).toEqual([[], 0])
})

it('a reload in the middle of sending repeats the same request id', async () => {
  const server = startFakeServer()
  const before = openPage()
  before.outbox.add('one')
  before.outbox.add('two')
  before.close()
  await pass(1000)
  const after = openPage()
  expect(summary(after)).toEqual(['one: sending', 'two: waiting'])
  expect(server.requests[1]?.line).toBe(server.requests[0]?.line)
})

it('a message that is an hour old asks before it is sent', async () => {
  const server = startFakeServer()
  const before = openPage()
  before.outbox.add('good morning')
  before.close()
  await pass(AGE_MS_MAX + 1)
  const after = openPage()
  expect([summary(after), server.requests.length]).toEqual([['good morning: asking'], 1])
  after.outbox.retry(after.outbox.entries.value[0]?.requestId ?? '')
  // The first attempt may have arrived, so the request id stays.
  expect([summary(after), server.requests[1]?.line]).toEqual([['good morning: sending'], server.requests[0]?.line])
})

it('a message that could not be sent for an hour asks too', async () => {
  const server = startFakeServer((request) => void request.lose())
  const page = openPage()
  page.outbox.add('hello')
  await pass(AGE_MS_MAX + 60_000)
  const count = server.requests.length
  await pass(AGE_MS_MAX)
  expect([summary(page), server.requests.length]).toEqual([['hello: asking'], count])
})

it('one person does not see what another left in the outbox', () => {
  startFakeServer()
  const before = openPage(ann)
  before.outbox.add('hello')
  before.close()
  expect(summary(openPage(bob))).toEqual([])
})

it('an unsent message moves along when the server knows the sender no more', async () => {
  const server = startFakeServer()
  const page = openPage(ann)
  page.outbox.add('hello')
  await server.last().refuse(401)
  expect([summary(page), page.onUnknownCaller.mock.calls.length]).toEqual([['hello: refused'], 1])
  page.user.value = bob
  page.close()
  expect([summary(openPage(ann)), summary(openPage(bob))]).toEqual([[], ['hello: refused']])
})

it('waking tries again at once', async () => {
  const server = startFakeServer()
  openPage().outbox.add('hello')
  await server.last().lose()
  window.dispatchEvent(new Event('online'))
  await pass(0)
  expect(server.requests).toHaveLength(2)
})

it('waking while a request is under way tries again at once, when it is lost', async () => {
  const server = startFakeServer()
  openPage().outbox.add('hello')
  window.dispatchEvent(new Event('online'))
  await server.last().lose()
  expect(server.requests).toHaveLength(2)
  // The wake is used up: a second loss is waited out.
  await server.last().lose()
  await pass(1999)
  expect(server.requests).toHaveLength(2)
  await pass(1)
  expect(server.requests).toHaveLength(3)
})

it('a computer clock that is set back does not hold a message up', async () => {
  const server = startFakeServer()
  openPage().outbox.add('hello')
  await server.last().lose()
  vi.setSystemTime(Date.now() - 3_600_000)
  window.dispatchEvent(new Event('online'))
  await pass(0)
  expect(server.requests).toHaveLength(2)
})

it('a browser that stores nothing still sends', async () => {
  vi.stubGlobal('localStorage', undefined)
  const server = startFakeServer()
  const page = openPage()
  page.outbox.add('hello')
  await server.last().answer({ message: message(7, ann, 'hello') })
  expect(page.stored.map(({ id }) => id)).toEqual([7])
})
