// The whole page against a server in memory: from the first visit to the first word.
import { enableAutoUnmount, mount } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Message } from '../src/api/types'
import App from '../src/App.vue'
import { ann, bob, deletedMessage, message, sent } from './cast'
import { startFakeServer } from './fakeServer'
import type { FakeServer } from './fakeServer'

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-21T10:00:10.000Z') })
  localStorage.clear()
})
enableAutoUnmount(afterEach)
afterEach(() => vi.useRealTimers())

const user = { ...ann, role: 'guest' }

async function answer(server: FakeServer, start: string, body: object): Promise<void> {
  const parked = server.requests.find(({ isOpen, line }) => isOpen && line.startsWith(start))
  if (!parked) throw new Error(`${start} is not among ${server.lines().join(', ')}`)
  await parked.answer(body)
}

function requestIdOf(server: FakeServer): string | undefined {
  const put = server.requests.find(({ isOpen, line }) => isOpen && line.startsWith('PUT'))
  return put?.line.split('/').at(-1)
}

/** The page of ann, who has been here before, until it asks for the history. */
async function visit() {
  const server = startFakeServer()
  const page = mount(App, { attachTo: document.body })
  await answer(server, 'GET /me', { user, rooms: [], cursor: 'c1' })
  const said = () => page.findAll('.message-text').map((text) => text.element.textContent)
  const write = async (text: string) => {
    await page.get('textarea').setValue(text)
    await page.get('textarea').trigger('keydown', { key: 'Enter' })
  }
  return { server, page, said, write }
}

async function open(history = [message(1, bob, 'hello')], roomName = 'Lobby') {
  const visited = await visit()
  await answer(visited.server, 'GET /rooms/lobby/messages', { messages: history, more: false })
  await answer(visited.server, 'GET /rooms/lobby', { id: 1, slug: 'lobby', name: roomName })
  return visited
}

it('a page that opens shows the room, its history and that it is connected', async () => {
  const { page, said, server } = await open()
  expect([page.get('h1').text(), said(), page.get('.status-line').text(), document.title]).toEqual([
    'Lobby',
    ['hello'],
    'Connected',
    'Lobby · Linger',
  ])
  expect(server.last().line).toBe('GET /rooms/lobby/events?after=c1&wait=25')
})

it('a room with a name of its own is called by it', async () => {
  const { page } = await open([], 'Tea & cake')
  expect([page.get('h1').text(), document.title]).toEqual(['Tea & cake', 'Tea & cake · Linger'])
})

const byAnswer = (server: FakeServer, stored: Message) => answer(server, 'PUT', { message: stored })
const byEvent = (server: FakeServer, stored: Message) =>
  answer(server, 'GET /rooms/lobby/events', { events: [sent(stored)], cursor: 'c2' })

describe('an own message', () => {
  const evening = ['hello', 'good evening']

  it.each([
    ['answer', [byAnswer, byEvent]],
    ['event', [byEvent, byAnswer]],
  ])('is seen once all the time, when the %s comes first', async (_first, arrivals) => {
    const { server, page, said, write } = await open()
    await write('good evening')
    const stored = message(2, ann, 'good evening', requestIdOf(server))
    const seen = [said()]
    const element = page.findAll('.line').at(-1)?.element
    for (const arrive of arrivals) {
      await arrive(server, stored)
      seen.push(said())
    }
    expect(seen).toEqual([evening, evening, evening])
    expect(page.findAll('.line').at(-1)?.element).toBe(element)
  })

  it('without a request id is told by its own answer alone', async () => {
    const { server, said, write } = await open()
    await write('good evening')
    await byEvent(server, message(2, ann, 'good evening'))
    expect(said()).toEqual([...evening, 'good evening'])
    await byAnswer(server, message(2, ann, 'good evening'))
    expect(said()).toEqual(evening)
  })

  it('said twice is two messages', async () => {
    const { server, said, write } = await open([])
    await write('yes')
    await write('yes')
    await byEvent(server, message(2, ann, 'yes', requestIdOf(server)))
    expect(said()).toEqual(['yes', 'yes'])
    await byAnswer(server, message(2, ann, 'yes', requestIdOf(server)))
    await byAnswer(server, message(3, ann, 'yes', requestIdOf(server)))
    expect(said()).toEqual(['yes', 'yes'])
  })

  it.each(['before', 'after'])('under way at a reload is seen once, when the history comes %s its answer', async (when) => {
    const first = await open()
    await first.write('good evening')
    const stored = message(2, ann, 'good evening', requestIdOf(first.server))
    first.page.unmount()

    const { server, page, said } = await visit()
    const seen = [said()]
    const history = async () => {
      // As it was when the message was not stored yet, or was already.
      const messages = when === 'before' ? [message(1, bob, 'hello'), stored] : [message(1, bob, 'hello')]
      await answer(server, 'GET /rooms/lobby/messages', { messages, more: false })
      await answer(server, 'GET /rooms/lobby', { id: 1, slug: 'lobby' })
    }
    const arrivals = [history, () => byAnswer(server, stored)]
    for (const arrive of when === 'before' ? arrivals : arrivals.toReversed()) {
      await arrive()
      seen.push(said())
    }
    expect([seen.map((texts) => texts.filter((text) => text === 'good evening')), said()]).toEqual([
      [['good evening'], ['good evening'], ['good evening']],
      evening,
    ])
    expect([page.find('.line[data-state]').exists(), localStorage.length]).toEqual([false, 0])
  })
})

it('a deleted message in the history is told, and the page goes on', async () => {
  const { page, said } = await open([message(1, bob, 'hello'), deletedMessage(2, bob), message(3, bob, 'bye')])
  expect([said(), page.get('.deleted').text()]).toEqual([['hello', 'bye'], 'This message was deleted.'])
})

it('an empty room says so, and stops when somebody speaks', async () => {
  const { server, page } = await open([])
  expect(page.get('.empty-room').text()).toContain('It is quiet here')
  await answer(server, 'GET /rooms/lobby/events', { events: [sent(message(2, bob, 'hi'))], cursor: 'c2' })
  expect(page.find('.empty-room').exists()).toBe(false)
})

it('a page whose guest is unknown to the server says why, and makes no more guests', async () => {
  let guests = 0
  const server = startFakeServer((request) => {
    if (request.line !== 'POST /guests') return void request.refuse(401)
    guests += 1
    return void request.answer({ token: 't', user: { ...user, id: guests } })
  })
  const page = mount(App, { attachTo: document.body })
  await vi.advanceTimersByTimeAsync(12_000)
  expect(guests).toBe(1)
  expect(server.requests.length).toBeLessThan(20)
  expect(page.get('.status-line').text()).toBe(
    'The server does not recognize this browser: cookies may be blocked, or a proxy signs in for you',
  )
})

it('a page whose cookie another tab has changed learns who it is now', async () => {
  const { server, page, write } = await open()
  await write('who am I')
  await answer(server, 'PUT', { message: message(2, bob, 'who am I') })
  await answer(server, 'GET /me', { user: { ...bob, role: 'guest' }, rooms: [], cursor: 'c2' })
  expect(page.get('.name-editor .name').text()).toBe('bob')
})
