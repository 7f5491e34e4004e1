// The polling loop against a server that answers when told to.
import { beforeEach, expect, it, vi } from 'vitest'
import { useFeed } from '../src/feed/useFeed'
import { ann, bob, inScope, joined, lines, message, renamed, sent } from './cast'
import { startFakeServer } from './fakeServer'

const LATEST = 'GET /rooms/tea/events?after=latest&wait=0'
const HISTORY = 'GET /rooms/tea/messages?limit=50'
const ROOM = 'GET /rooms/tea'
const held = (cursor: string) => `GET /rooms/tea/events?after=${cursor}&wait=25`
const short = (cursor: string) => `GET /rooms/tea/events?after=${cursor}&wait=0`

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-21T10:00:00.000Z') })
  // The least delay that chance can give: half of the ceiling.
  vi.spyOn(Math, 'random').mockReturnValue(0)
})

/** A feed of #tea that has read its history and holds its first request after cursor c1. */
async function follow(history = [message(1, ann, 'one')]) {
  const server = startFakeServer()
  const onUnknownCaller = vi.fn<() => void>()
  const { result: feed, stop } = inScope(() => useFeed('tea', onUnknownCaller))
  feed.start('c1')
  await server.requests[0]?.answer({ messages: history, more: false })
  await server.requests[1]?.answer({ id: 1, slug: 'tea' })
  return { server, feed, stop, onUnknownCaller }
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

it('a cursor is fetched before history, so that nothing falls in between', async () => {
  const server = startFakeServer()
  const { result: feed } = inScope(() => useFeed('tea', () => {}))
  feed.start()
  expect(server.lines()).toEqual([LATEST])
  await server.last().answer({ events: [], cursor: 'c1' })
  expect(server.lines()).toEqual([LATEST, HISTORY, ROOM])
  await server.requests[1]?.answer({ messages: [message(1, ann, 'one')], more: false })
  await server.requests[2]?.answer({ id: 1, slug: 'tea' })
  expect(server.lines()).toEqual([LATEST, HISTORY, ROOM, held('c1')])
})

it('each answer is followed at once by a request from its cursor', async () => {
  const { server, feed } = await follow()
  await server.last().answer({ events: [sent(message(2, bob, 'two'))], cursor: 'c2' })
  expect(server.last().line).toBe(held('c2'))
  await server.last().answer({ events: [sent(message(3, ann, 'three'))], cursor: 'c3' })
  expect(server.last().line).toBe(held('c3'))
  expect(lines(feed.state.value)).toEqual(['1 ann: one', '2 bob: two', '3 ann: three'])
})

it('an empty answer moves the cursor too', async () => {
  const { server } = await follow()
  await pass(25_000)
  await server.last().answer({ events: [], cursor: 'c9' })
  expect(server.last().line).toBe(held('c9'))
})

it('a lost connection is taken up from the cursor with a short request', async () => {
  const { server, feed } = await follow()
  await server.last().answer({ events: [joined(2, bob)], cursor: 'c2' })
  await server.last().lose()
  const before = server.requests.length
  await pass(999)
  expect(server.requests).toHaveLength(before)
  await pass(1)
  expect(server.last().line).toBe(short('c2'))
  await server.last().answer({ events: [joined(3, ann)], cursor: 'c3' })
  expect(server.last().line).toBe(held('c3'))
  expect(lines(feed.state.value)).toEqual(['1 ann: one', '2 bob joined', '3 ann joined'])
})

it('the delay doubles with each failure, up to the half of 30 s that is not chance', async () => {
  const { server } = await follow()
  const delays: number[] = []
  for (let round = 0; round < 6; round += 1) {
    const count = server.requests.length
    const startedAt = Date.now()
    await server.last().lose()
    while (server.requests.length === count) await pass(500)
    delays.push(Date.now() - startedAt)
  }
  expect(delays).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000])
})

it('one lost request is no news; two are said, and so is being back', async () => {
  const { server, feed } = await follow()
  await server.last().lose()
  const afterOne = feed.connection.value
  await pass(1000)
  await server.last().lose()
  const afterTwo = feed.connection.value
  await pass(2000)
  await server.last().answer({ events: [], cursor: 'c1' })
  expect([afterOne, afterTwo, feed.connection.value]).toEqual(['connected', 'reconnecting', 'connected'])
})

it('a Retry-After is kept to, also when the page wakes', async () => {
  const { server, feed } = await follow()
  await server.last().refuse(503, { 'Retry-After': '20' })
  const before = server.requests.length
  await pass(5000)
  feed.wake()
  await pass(14_999)
  expect(server.requests).toHaveLength(before)
  await pass(1)
  expect(server.last().line).toBe(short('c1'))
})

it('waking ends the pause after a failure', async () => {
  const { server } = await follow()
  await server.last().lose()
  window.dispatchEvent(new Event('online'))
  await pass(0)
  expect(server.last().line).toBe(short('c1'))
})

it('waking gives up a held request that may be dead, and looks at once', async () => {
  const { server, feed } = await follow()
  const parked = server.last()
  await pass(10_000)
  document.dispatchEvent(new Event('visibilitychange'))
  await pass(0)
  expect([parked.isOpen, server.last().line, feed.connection.value]).toEqual([false, short('c1'), 'connected'])
})

it('a network that goes is said at once, not at the end of the hold', async () => {
  const { server, feed } = await follow()
  const parked = server.last()
  vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false)
  window.dispatchEvent(new Event('offline'))
  await pass(0)
  expect([parked.isOpen, server.last().line]).toEqual([false, short('c1')])
  await server.last().lose()
  expect(feed.connection.value).toBe('offline')
})

it('a server on this computer stays connected when the network goes', async () => {
  const { server, feed } = await follow()
  vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false)
  window.dispatchEvent(new Event('offline'))
  await pass(0)
  await server.last().answer({ events: [], cursor: 'c1' })
  expect([feed.connection.value, server.last().line]).toEqual(['connected', held('c1')])
})

it('a page from the back-forward cache looks at once', async () => {
  const { server } = await follow()
  await pass(10_000)
  window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
  await pass(0)
  expect(server.last().line).toBe(short('c1'))
})

it('a clock that jumped, as after sleep, makes the page look at once', async () => {
  const { server } = await follow()
  vi.setSystemTime(Date.now() + 600_000)
  await pass(5000)
  expect(server.last().line).toBe(short('c1'))
})

it('wake-up calls that come together make one request', async () => {
  const { server } = await follow()
  await pass(10_000)
  const count = server.requests.length
  for (const name of ['online', 'focus', 'online']) {
    window.dispatchEvent(new Event(name))
    document.dispatchEvent(new Event('visibilitychange'))
    await pass(10)
  }
  expect(server.requests).toHaveLength(count + 1)
})

it('a wake soon after another is heeded as well: the network may have gone in between', async () => {
  const { server, feed } = await follow()
  await pass(10_000)
  feed.wake()
  await pass(100)
  await server.last().answer({ events: [], cursor: 'c1' })
  const parked = server.last()
  feed.wake()
  await pass(900)
  expect([parked.line, parked.isOpen, server.last().line]).toEqual([held('c1'), false, short('c1')])
})

it.each([-3_600_000, 3_600_000])('a computer clock that is set by %i ms holds nothing up', async (ms) => {
  const { server } = await follow()
  await server.last().refuse(503, { 'Retry-After': '20' })
  const before = server.requests.length
  await pass(5000)
  vi.setSystemTime(Date.now() + ms)
  window.dispatchEvent(new Event('online'))
  await pass(14_999)
  expect(server.requests).toHaveLength(before)
  await pass(1)
  expect(server.last().line).toBe(short('c1'))
})

it('there is one loop, however often it is started and woken', async () => {
  const { server, feed } = await follow()
  feed.start()
  feed.start('c7')
  await pass(5000)
  for (const wake of [1, 2, 3]) {
    feed.wake()
    await pass(wake)
  }
  expect(server.requests.filter(({ isOpen }) => isOpen)).toHaveLength(1)
  await server.last().answer({ events: [], cursor: 'c1' })
  expect(server.requests.filter(({ isOpen }) => isOpen)).toHaveLength(1)
})

it('a held request is given up ten seconds after its hold', async () => {
  const { server } = await follow()
  const parked = server.last()
  await pass(34_999)
  expect(parked.isOpen).toBe(true)
  await pass(1)
  expect(parked.isOpen).toBe(false)
  await pass(1000)
  expect(server.last().line).toBe(short('c1'))
})

it('a reset makes the page fetch afresh and go on from the new cursor', async () => {
  const { server, feed } = await follow()
  await server.last().answer({ reset: { reason: 'other log' }, events: [], cursor: 'n1' })
  await pass(250)
  const [history, room] = server.requests.slice(-2)
  expect([history?.line, room?.line]).toEqual([HISTORY, ROOM])
  await history?.answer({ messages: [message(5, bob, 'new world')], more: false })
  await room?.answer({ id: 1, slug: 'tea' })
  expect(server.last().line).toBe(held('n1'))
  expect(lines(feed.state.value)).toEqual(['5 bob: new world'])
})

it('a hole in the numbers makes the page fetch afresh', async () => {
  const { server, feed } = await follow()
  await server.last().answer({ events: [joined(2, bob)], cursor: 'c2' })
  await server.last().answer({ events: [joined(4, ann)], cursor: 'c4' })
  expect(server.last().line).toBe(LATEST)
  await server.last().answer({ events: [], cursor: 'c5' })
  const [history, room] = server.requests.slice(-2)
  await history?.answer({ messages: [message(1, ann, 'one'), message(3, bob, 'lost')], more: false })
  await room?.answer({ id: 1, slug: 'tea' })
  expect(lines(feed.state.value)).toEqual(['1 ann: one', '3 bob: lost'])
})

it('a hole in the numbers is seen behind a rename, too', async () => {
  const { server, feed } = await follow()
  const anna = { id: 1, name: 'anna' }
  await server.last().answer({ events: [joined(2, bob), renamed(3, anna)], cursor: 'c3' })
  expect([server.last().line, lines(feed.state.value)]).toEqual([held('c3'), ['1 anna: one', '2 bob joined']])
  await server.last().answer({ events: [joined(4, bob)], cursor: 'c4' })
  expect(server.last().line).toBe(LATEST)
})

it('a server that answers empty at once is asked ever more slowly, and at full speed after news', async () => {
  const { server } = await follow()
  const gaps: number[] = []
  for (let round = 0; round < 6; round += 1) {
    const count = server.requests.length
    const startedAt = Date.now()
    await server.last().answer({ events: [], cursor: 'c1' })
    while (server.requests.length === count) await pass(50)
    gaps.push(Date.now() - startedAt)
  }
  expect(gaps).toEqual([250, 500, 1000, 2000, 4000, 4000])
  const count = server.requests.length
  await server.last().answer({ events: [joined(2, bob)], cursor: 'c2' })
  expect(server.requests).toHaveLength(count + 1)
})

it('a server that knows the caller no more is told on, and asked again later', async () => {
  const { server, onUnknownCaller } = await follow()
  await server.last().refuse(401)
  expect(onUnknownCaller).toHaveBeenCalledTimes(1)
  await pass(1000)
  expect(server.last().line).toBe(short('c1'))
})

it('older messages come in above, and the button goes when there are no more', async () => {
  const server = startFakeServer()
  const { result: feed } = inScope(() => useFeed('tea', () => {}))
  feed.start('c1')
  await server.requests[0]?.answer({ messages: [message(8, ann, 'eight')], more: true })
  await server.requests[1]?.answer({ id: 1, slug: 'tea' })
  expect(feed.state.value.hasOlder).toBe(true)
  const loading = feed.loadOlder()
  expect(server.last().line).toBe('GET /rooms/tea/messages?before=8&limit=50')
  await server.last().answer({ messages: [message(3, bob, 'three')], more: false })
  const putIn = await loading
  expect(lines(feed.state.value)).toEqual(['8 ann: eight'])
  putIn()
  expect([lines(feed.state.value), feed.state.value.hasOlder]).toEqual([['3 bob: three', '8 ann: eight'], false])
})

it.each(['before', 'after'])('an own message of an older page waits for it, when its answer comes %s the history', async (when) => {
  const server = startFakeServer()
  const { result: feed } = inScope(() => useFeed('tea', () => {}))
  feed.start('c1')
  const said = message(2, ann, 'two')
  if (when === 'before') feed.take(said)
  await server.requests[0]?.answer({ messages: [message(8, ann, 'eight')], more: true })
  await server.requests[1]?.answer({ id: 1, slug: 'tea' })
  if (when === 'after') feed.take(said)
  expect(lines(feed.state.value)).toEqual(['8 ann: eight'])
  const older = feed.loadOlder()
  expect(server.last().line).toBe('GET /rooms/tea/messages?before=8&limit=50')
  await server.last().answer({ messages: [said, message(3, bob, 'three')], more: false })
  const putIn = await older
  putIn()
  expect(lines(feed.state.value)).toEqual(['2 ann: two', '3 bob: three', '8 ann: eight'])
})

it('an own message that overtook the history is not put under messages of another log', async () => {
  const server = startFakeServer()
  const { result: feed } = inScope(() => useFeed('tea', () => {}))
  feed.start('c1')
  feed.take(message(2, ann, 'old world'))
  await server.requests[0]?.answer({ messages: [message(1, bob, 'one')], more: false })
  await server.requests[1]?.answer({ id: 1, slug: 'tea' })
  expect(lines(feed.state.value)).toEqual(['1 bob: one', '2 ann: old world'])
  await server.last().answer({ reset: { reason: 'other log' }, events: [], cursor: 'n1' })
  await pass(250)
  const [history, room] = server.requests.slice(-2)
  await history?.answer({ messages: [message(5, bob, 'new world')], more: false })
  await room?.answer({ id: 1, slug: 'tea' })
  expect(lines(feed.state.value)).toEqual(['5 bob: new world'])
})

it('an older page that comes after a reset is not put under messages of another log', async () => {
  const { server, feed } = await follow([message(8, ann, 'eight')])
  const parked = server.last()
  const loading = feed.loadOlder()
  const older = server.last()
  await parked.answer({ reset: { reason: 'other log' }, events: [], cursor: 'n1' })
  await pass(250)
  const [history, room] = server.requests.slice(-2)
  await history?.answer({ messages: [message(5, bob, 'new world')], more: false })
  await room?.answer({ id: 1, slug: 'tea' })
  await older.answer({ messages: [message(3, bob, 'old world')], more: true })
  ;(await loading)()
  expect([lines(feed.state.value), feed.state.value.hasOlder]).toEqual([['5 bob: new world'], false])
})

it('an older page that comes after a reset is not put under the message of another log in the same place', async () => {
  const { server, feed } = await follow([message(8, ann, 'eight')])
  const parked = server.last()
  const loading = feed.loadOlder()
  const older = server.last()
  await parked.answer({ reset: { reason: 'other log' }, events: [], cursor: 'n1' })
  await pass(250)
  const [history, room] = server.requests.slice(-2)
  await history?.answer({ messages: [message(8, bob, 'new world')], more: false })
  await room?.answer({ id: 1, slug: 'tea' })
  await older.answer({ messages: [message(3, bob, 'old world')], more: true })
  ;(await loading)()
  expect(lines(feed.state.value)).toEqual(['8 bob: new world'])
})

it('the loop ends with its scope', async () => {
  const { server, stop } = await follow()
  const parked = server.last()
  stop()
  expect(parked.isOpen).toBe(false)
  const count = server.requests.length
  await pass(120_000)
  expect(server.requests).toHaveLength(count)
})
