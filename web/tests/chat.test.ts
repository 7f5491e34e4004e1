// The chat behind the screens, against a server and an engine in memory.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Message, RoomEvent } from '../src/api/types'
import { createChat } from '../src/feed/useChat'
import type { First } from '../src/feed/first'
import type { EngineMessage, Link, TabMessage } from '../src/wire/protocol'
import { ann, bob, inScope, joined, message, sent, tea } from './cast'
import { createDevice, storeOf } from './device'
import { createFakePlatform } from './fakePlatform'

const user = { ...ann, role: 'guest' }
const LINK: Link = { connection: 'connected', transport: 'long', reason: 'usual', holdS: 25, heldSince: null, heardAt: null, tabs: 1 }

beforeEach(() => vi.stubGlobal('BroadcastChannel', undefined))
afterEach(() => vi.unstubAllGlobals())

/** Lets the store and all that follows from it come to rest: a transaction takes some turns of the loop, whatever the time. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}
const unheard = (_message: EngineMessage) => {}

/** ann's tab, which looks at #tea. */
function open({ first = null as First | null, room = 'tea', number = null as number | null } = {}) {
  const platform = createFakePlatform()
  const { server } = platform
  const said: TabMessage[] = []
  const database = createDevice().openTab()
  let tell = unheard
  const { result: chat } = inScope(() => createChat({
    tab: 't1',
    platform,
    database,
    connect(onMessage) {
      tell = onMessage
      return { post: (words) => said.push(words), close: () => {} }
    },
    first,
  }))
  chat.look(room, number)
  const answer = async (start: string, body: object) => {
    await settle()
    const asked = server.requests.find(({ isOpen, line }) => isOpen && line.startsWith(start))
    if (!asked) throw new Error(`${start} is not among ${server.lines().join(', ')}`)
    await asked.answer(body)
    await settle()
  }
  const page = (from: string, to: string, events: RoomEvent[]) => tell({ type: 'page', from, to_cursor: to, events })
  const texts = (slug = room) =>
    (chat.state.value.rooms.get(slug)?.timeline?.items ?? []).map((item) => (item.kind === 'message' ? item.message.text : item.what))
  return { chat, server, clock: platform.clock, said, tell: (words: EngineMessage) => tell(words), answer, page, texts, entries: storeOf(database).entries }
}

/** The same, until #tea is here; ann is in it, and in #lobby. */
async function visit(history = [message(1, bob, 'hello')], more = false) {
  const visited = open()
  const { tell, answer } = visited
  tell({ type: 'begin', cursor: 'c1', session: { state: 'known', user }, link: LINK })
  const lobby = { ...tea, id: 2, slug: 'lobby' }
  await answer('GET /me', { user, rooms: [{ ...tea, last_number: history.length }, lobby], cursor: 'c1' })
  await answer('GET /rooms/tea/messages', { messages: history, more })
  await answer('GET /rooms/tea', { ...tea, last_number: history.length })
  return visited
}

it('a tab says hello, and reads who it is and the room that it looks at', async () => {
  const { said, texts, chat, server } = await visit()
  expect(said[0]).toEqual({ type: 'hello', tab: 't1', rooms: ['tea'], cursor: null, isVisible: true, locale: 'en' })
  expect([texts(), chat.state.value.me?.name, chat.statuses.value.get('tea')]).toEqual([['hello'], 'ann', 'ready'])
  expect(server.lines().filter((line) => line.startsWith('GET /events'))).toEqual([])
})

it('news of all rooms is folded as it comes; a room that is not looked at counts as unread', async () => {
  const { page, texts, chat } = await visit()
  page('c1', 'c2', [sent(message(2, bob, 'again')), { ...sent(message(3, bob, 'there')), room: 'lobby', number: 1 }])
  expect([texts(), chat.state.value.rooms.get('lobby')?.unread]).toEqual([['hello', 'again'], 1])
})

it('a room that was seen before needs no request', async () => {
  const { chat, server, answer } = await visit()
  chat.look('lobby')
  await answer('GET /rooms/lobby/messages', { messages: [], more: false })
  await answer('GET /rooms/lobby', { ...tea, slug: 'lobby' })
  const before = server.requests.length
  chat.look('tea')
  await settle()
  expect(server.requests.length).toBe(before)
})

it('a room that nobody looks at keeps no more than is read of it at once, and has the rest again when it is wanted', async () => {
  const { chat, server, answer, page, texts } = await visit()
  chat.look('lobby')
  await answer('GET /rooms/lobby/messages', { messages: [], more: false })
  await answer('GET /rooms/lobby', { ...tea, slug: 'lobby' })
  const kept: number[] = []
  for (let at = 2; at < 2000; at += 1) {
    page(`c${at - 1}`, `c${at}`, [sent(message(at, bob, `${at}`))])
    kept.push(texts().length)
  }
  expect(Math.max(...kept)).toBe(300)
  expect([chat.state.value.rooms.get('tea')?.timeline?.hasOlder, texts().at(-1)]).toEqual([true, '1999'])

  for (let at = 2000; at < 2400; at += 1) page(`c${at - 1}`, `c${at}`, [joined(at, { id: at, name: `guest ${at}` })])
  expect(texts()).toEqual([])
  chat.look('tea')
  await settle()
  expect(server.lines().at(-1)).toContain('GET /rooms/tea')
})

it('news that comes while a room is being read is not lost', async () => {
  const { tell, answer, page, texts } = open()
  tell({ type: 'begin', cursor: 'c1', session: { state: 'known', user }, link: LINK })
  await answer('GET /me', { user, rooms: [tea], cursor: 'c1' })
  page('c1', 'c2', [sent(message(2, bob, 'meanwhile'))])
  await answer('GET /rooms/tea/messages', { messages: [message(1, bob, 'hello')], more: false })
  await answer('GET /rooms/tea', { ...tea, last_number: 1 })
  expect(texts()).toEqual(['hello', 'meanwhile'])
})

describe('the server’s HTML', () => {
  const first: First = { room: { ...tea, last_number: 1 }, messages: [message(1, bob, 'hello')], more: false, cursor: 'c1' }

  it('is shown without a request, and followed from its own cursor', async () => {
    const { texts, said, tell, page, server } = open({ first })
    expect(texts()).toEqual(['hello'])
    expect(said[0]).toMatchObject({ type: 'hello', cursor: 'c1' })
    tell({ type: 'begin', cursor: 'c1', session: { state: 'starting', user: null }, link: LINK })
    tell({ type: 'watching', rooms: ['tea'] })
    page('c1', 'c2', [sent(message(2, bob, 'news'))])
    expect([texts(), server.lines()]).toEqual([['hello', 'news'], []])
  })

  it('is read on from where the engine is elsewhere', async () => {
    const { texts, tell, answer } = open({ first })
    tell({ type: 'begin', cursor: 'c9', session: { state: 'starting', user: null }, link: LINK })
    await answer('GET /events?after=c1&wait=0&rooms=tea', { events: [sent(message(2, bob, 'between'))], cursor: 'c9' })
    await answer('GET /events?after=c9', { events: [], cursor: 'c9' })
    expect(texts()).toEqual(['hello', 'between'])
  })
})

function entriesOf(chat: ReturnType<typeof createChat>): string[] {
  return chat.outbox.entries.value.map(({ text }) => text)
}

describe('an own message', () => {
  it('shows at once, is kept, and the engine is told', async () => {
    const { chat, said } = await visit()
    chat.say('tea', 'good evening')
    expect(entriesOf(chat)).toEqual(['good evening'])
    await settle()
    expect(said.at(-1)).toEqual({ type: 'outbox', tab: 't1' })
  })

  it('is seen once all the time, whether its answer or its event comes first', async () => {
    for (const order of ['event first', 'answer first']) {
      const { chat, page, texts, tell, entries } = await visit()
      chat.say('tea', 'good evening')
      await settle()
      const requestId = chat.outbox.entries.value[0]?.requestId ?? ''
      const stored: Message = message(2, ann, 'good evening', requestId)
      const seen = [[...texts(), ...entriesOf(chat)]]
      const look = () => seen.push([...texts(), ...entriesOf(chat)])
      const byEvent = () => page('c1', 'c2', [sent(stored)])
      const byAnswer = async () => {
        // The pump has taken it out of the store.
        await entries.remove([requestId])
        tell({ type: 'outbox' })
        await settle()
      }
      for (const arrive of order === 'event first' ? [byEvent, byAnswer] : [byAnswer, byEvent]) {
        await arrive()
        look()
      }
      expect([order, ...seen]).toEqual([order, ['hello', 'good evening'], ['hello', 'good evening'], ['hello', 'good evening']])
    }
  })

  it('that is taken back is gone, and its text is handed over', async () => {
    const { chat } = await visit()
    chat.say('tea', 'good evening')
    const text = chat.outbox.takeBack(chat.outbox.entries.value[0]?.requestId ?? '')
    await settle()
    chat.outbox.reload()
    await settle()
    expect([text, entriesOf(chat)]).toEqual(['good evening', []])
  })
})

it('a room that is not there, or not for me, is missing; one that does not answer has failed', async () => {
  const { chat, server, tell, answer } = open()
  tell({ type: 'begin', cursor: 'c1', session: { state: 'known', user }, link: LINK })
  await answer('GET /me', { user, rooms: [], cursor: 'c1' })
  for (const request of server.requests.filter(({ isOpen }) => isOpen)) await request.refuse(404)
  await settle()
  expect(chat.statuses.value.get('tea')).toBe('missing')
  chat.look('other')
  await settle()
  for (const request of server.requests.filter(({ isOpen }) => isOpen)) await request.lose()
  await settle()
  expect(chat.statuses.value.get('other')).toBe('failed')
})

it('an open room that I only look at is watched, and read again when the request covers it', async () => {
  const { said, tell, answer, texts, chat } = open({ room: 'lobby' })
  tell({ type: 'begin', cursor: 'c1', session: { state: 'known', user }, link: LINK })
  await answer('GET /me', { user, rooms: [], cursor: 'c1' })
  await answer('GET /rooms/lobby/messages', { messages: [], more: false })
  await answer('GET /rooms/lobby', { ...tea, slug: 'lobby' })
  chat.look('lobby')
  tell({ type: 'watching', rooms: ['lobby'] })
  await answer('GET /rooms/lobby/messages', { messages: [{ ...message(2, bob, 'in between'), room: 'lobby' }], more: false })
  await settle()
  expect([said[0]?.type, texts()]).toEqual(['hello', ['in between']])
})

it('pages are read in both directions, and what lies far beyond the other end is dropped', async () => {
  const newest = Array.from({ length: 50 }, (_, index) => message(1000 + index, bob, `${1000 + index}`))
  const { chat, answer, texts } = await visit(newest, true)
  for (let oldest = 1000; oldest > 700; oldest -= 50) {
    void chat.loadOlder('tea')
    const older = Array.from({ length: 50 }, (_, index) => message(oldest - 50 + index, bob, `${oldest - 50 + index}`))
    await answer(`GET /rooms/tea/messages?before=${oldest}`, { messages: older, more: true })
  }
  expect([texts().length, texts()[0], texts().at(-1)]).toEqual([300, '700', '999'])
  void chat.loadNewer('tea')
  await answer('GET /rooms/tea/messages?after=999', { messages: newest, more: true, more_after: false })
  expect([texts().length, texts()[0], texts().at(-1)]).toEqual([300, '750', '1049'])
})

it('messages that are missing between two pages are read, and stand in their place', async () => {
  const { tell, page, answer, texts } = await visit([message(1, bob, 'one')])
  tell({ type: 'gap', room: 'tea' })
  page('c1', 'c4', [sent(message(4, bob, 'four'))])
  const all = ['one', 'two', 'three', 'four'].map((text, index) => message(index + 1, bob, text))
  await answer('GET /rooms/tea/messages', { messages: all, more: false })
  expect(texts()).toEqual(['one', 'two', 'three', 'four'])
})

it('missing messages are read again until the server answers', async () => {
  const { tell, page, answer, texts, server, clock } = await visit([message(1, bob, 'one')])
  tell({ type: 'gap', room: 'tea' })
  page('c1', 'c4', [sent(message(4, bob, 'four'))])
  await settle()
  await server.last().lose()
  await clock.pass(1000)
  await server.last().refuse(503)
  await clock.pass(2000)
  // Said while the page was asking.
  page('c4', 'c5', [sent(message(5, bob, 'five'))])
  const all = ['one', 'two', 'three', 'four', 'five'].map((text, index) => message(index + 1, bob, text))
  await answer('GET /rooms/tea/messages', { messages: all.slice(0, 4), more: false })
  expect(texts()).toEqual(['one', 'two', 'three', 'four', 'five'])
  // A server that says no for good is not asked again.
  tell({ type: 'gap', room: 'tea' })
  await settle()
  const before = server.requests.length
  await server.last().refuse(404)
  await clock.pass(60_000)
  expect(server.requests.length).toBe(before)
})

it('a room that is not there is asked for no more: it would keep all others from being heard', async () => {
  const { chat, said, server } = await visit()
  chat.look('nowhere')
  await settle()
  const asked = server.requests.filter(({ isOpen, line }) => isOpen && line.includes('/rooms/nowhere'))
  for (const request of asked) await request.refuse(404)
  await settle()
  const watched = said.flatMap((words) => (words.type === 'watch' ? [words.rooms] : []))
  expect([chat.statuses.value.get('nowhere'), watched.at(-2), watched.at(-1)]).toEqual(['missing', ['tea', 'nowhere'], ['tea']])
})

it('where the log was put back, everything is read afresh', async () => {
  const { tell, answer, texts } = await visit()
  tell({ type: 'reset', cursor: 'd1' })
  await answer('GET /me', { user, rooms: [tea], cursor: 'd1' })
  await answer('GET /rooms/tea/messages', { messages: [message(1, bob, 'other')], more: false })
  await answer('GET /rooms/tea', tea)
  expect(texts()).toEqual(['other'])
})
