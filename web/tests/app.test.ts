// The whole page against a server in memory: from the first visit to the first word.
import { enableAutoUnmount, mount } from '@vue/test-utils'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import App from '../src/App.vue'
import { ann, bob, message, sent } from './cast'
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

/** The page of ann, who has been here before. */
async function open(history = [message(1, bob, 'hello')], roomName = 'Lobby') {
  const server = startFakeServer()
  const page = mount(App, { attachTo: document.body })
  await answer(server, 'GET /me', { user, rooms: [], cursor: 'c1' })
  await answer(server, 'GET /rooms/lobby/messages', { messages: history, more: false })
  await answer(server, 'GET /rooms/lobby', { id: 1, slug: 'lobby', name: roomName })
  const said = () => page.findAll('.message-text').map((text) => text.element.textContent)
  const write = async (text: string) => {
    await page.get('textarea').setValue(text)
    await page.get('textarea').trigger('keydown', { key: 'Enter' })
  }
  return { server, page, said, write }
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

it.each(['answer', 'event'])('an own message is seen once all the time, when the %s comes first', async (first) => {
  const { server, said, write } = await open()
  await write('good evening')
  const stored = message(2, ann, 'good evening')
  const byAnswer = () => answer(server, 'PUT', { message: stored })
  const byEvent = () => answer(server, 'GET /rooms/lobby/events', { events: [sent(stored)], cursor: 'c2' })
  const seen = [said()]
  for (const arrive of first === 'answer' ? [byAnswer, byEvent] : [byEvent, byAnswer]) {
    await arrive()
    seen.push(said())
  }
  const once = ['hello', 'good evening']
  expect(seen).toEqual([once, once, once])
})

it('an empty room says so, and stops when somebody speaks', async () => {
  const { server, page } = await open([])
  expect(page.get('.empty-room').text()).toContain('It is quiet here')
  await answer(server, 'GET /rooms/lobby/events', { events: [sent(message(2, bob, 'hi'))], cursor: 'c2' })
  expect(page.find('.empty-room').exists()).toBe(false)
})

it('a page whose cookie another tab has changed learns who it is now', async () => {
  const { server, page, write } = await open()
  await write('who am I')
  await answer(server, 'PUT', { message: message(2, bob, 'who am I') })
  await answer(server, 'GET /me', { user: { ...bob, role: 'guest' }, rooms: [], cursor: 'c2' })
  expect(page.get('.name-editor .name').text()).toBe('bob')
})
