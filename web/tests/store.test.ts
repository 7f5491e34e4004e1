// @vitest-environment node
// The device keeps drafts, texts and marks for all tabs, or for one visit.
import { IDBDatabase } from 'fake-indexeddb'
import { describe, expect, it, vi } from 'vitest'
import { openDatabase } from '../src/store/database'
import type { Database } from '../src/store/database'
import type { FoundDraft } from '../src/store/drafts'
import { createDevice, entry, storeOf } from './device'

const place = { userId: 1, room: 'tea', tab: 'a' }
const textOf = (found: FoundDraft | null) => found?.text ?? ''
const open = (...tabs: string[]) => () => Promise.resolve(new Set(tabs))

const kinds: [string, boolean, () => Database][] = [
  ['in IndexedDB', false, () => createDevice().openTab()],
  ['in memory', true, () => openDatabase({ factory: () => undefined, after: () => () => {} })],
]

describe.each(kinds)('%s', (_name, isBlocked, openDevice) => {
  it('entries come back in the order in which they were written', async () => {
    const { entries } = storeOf(openDevice())
    await entries.add(entry('one'))
    await entries.add(entry('two', { requestId: 'a' }))
    await entries.add(entry('three'))
    expect((await entries.all()).map(({ text }) => text)).toEqual(['one', 'two', 'three'])
  })

  it('an entry is changed, given a new id, and removed', async () => {
    const { entries } = storeOf(openDevice())
    const one = entry('one')
    await entries.add(one)
    await entries.change(one.requestId, (found) => ({ ...found, state: 'refused', status: 403 }))
    expect(await entries.all()).toEqual([{ ...one, state: 'refused', status: 403 }])
    await entries.change(one.requestId, (found) => ({ ...found, requestId: 'new' }))
    expect((await entries.all()).map(({ requestId }) => requestId)).toEqual(['new'])
    await entries.change('new', () => null)
    await entries.change('new', (found) => found)
    expect(await entries.all()).toEqual([])
  })

  it('all entries of a person move to the one whom the server knows instead', async () => {
    const { entries } = storeOf(openDevice())
    await entries.add(entry('one'))
    await entries.add(entry('two', { userId: 7 }))
    await entries.move(1, 2)
    expect((await entries.all()).map(({ text, userId }) => [text, userId])).toEqual([
      ['one', 2],
      ['two', 7],
    ])
  })

  it('a draft is kept for each room and tab, and forgotten with its message', async () => {
    const { drafts, entries } = storeOf(openDevice())
    await drafts.save(place, 'in tea')
    await drafts.save({ ...place, room: 'lobby' }, 'in lobby')
    await drafts.save({ ...place, tab: 'b' }, 'in another tab')
    expect(await drafts.find(place, open('a', 'b')).then(textOf)).toBe('in tea')
    await entries.add(entry('in tea'), place)
    expect(await drafts.find(place, open('a', 'b')).then(textOf)).toBe('')
    expect(await drafts.find({ ...place, room: 'lobby' }, open()).then(textOf)).toBe('in lobby')
    expect(await drafts.find({ ...place, tab: 'b' }, open()).then(textOf)).toBe('in another tab')
  })

  it('what was shown of a room only grows', async () => {
    const { shown } = storeOf(openDevice())
    await shown.save('tea', 7)
    await shown.save('tea', 5)
    await shown.save('lobby', 1)
    expect(await shown.load()).toEqual(new Map([['lobby', 1], ['tea', 7]]))
  })

  it('a transaction that fails changes nothing, and says why', async () => {
    const database = openDevice()
    const failing = database.transact(['shown'], (tx) => {
      tx.put('shown', 'tea', { room: 'tea', number: 7 })
      throw new TypeError('a bug')
    })
    await expect(failing).rejects.toThrow('a bug')
    expect([await storeOf(database).shown.load(), database.isBlocked()]).toEqual([new Map(), isBlocked])
  })
})

describe('a draft whose tab was closed', () => {
  it('is offered to the next tab that opens the room, and to one only', async () => {
    const device = createDevice()
    let now = 0
    const [first, second, third] = [1, 2, 3].map(() => storeOf(device.openTab(), () => (now += 1)))
    await first?.drafts.save(place, 'older')
    await first?.drafts.save({ ...place, tab: 'b' }, 'newer')
    const loads = [
      second?.drafts.find({ ...place, tab: 'c' }, open('c', 'd', 'e')).then(textOf),
      third?.drafts.find({ ...place, tab: 'd' }, open('c', 'd', 'e')).then(textOf),
    ]
    expect(await Promise.all(loads)).toEqual(['newer', 'older'])
    expect(await second?.drafts.find({ ...place, tab: 'e' }, open('c', 'd', 'e')).then(textOf)).toBe('')
    expect(await third?.drafts.find({ ...place, tab: 'd' }, open()).then(textOf)).toBe('older')
  })

  it('is not offered while the tab is open, in other rooms or to other people', async () => {
    const { drafts } = storeOf(createDevice().openTab())
    await drafts.save(place, 'mine')
    expect(await drafts.find({ ...place, tab: 'b' }, open('a')).then(textOf)).toBe('')
    expect(await drafts.find({ ...place, tab: 'b', room: 'lobby' }, open()).then(textOf)).toBe('')
    expect(await drafts.find({ ...place, tab: 'b', userId: 2 }, open()).then(textOf)).toBe('')
  })
})

describe('a browser that stores nothing', () => {
  it.each([
    ['that has no IndexedDB', () => undefined],
    ['that denies it', () => { throw new DOMException('denied', 'SecurityError') }],
    ['whose IndexedDB does not open', () => ({ open: () => ({}) }) as unknown as IDBFactory],
  ])('%s works for this visit, and says so', async (_name, factory) => {
    const database = openDatabase({ factory, after: (_ms, act) => (setImmediate(act), () => {}) })
    const onBlocked = vi.fn<() => void>()
    database.onBlocked(onBlocked)
    const { drafts } = storeOf(database)
    await drafts.save(place, 'kept for now')
    expect(await drafts.find(place, open()).then(textOf)).toBe('kept for now')
    expect([database.isBlocked(), onBlocked.mock.calls.length]).toEqual([true, 1])
  })

  it('from some moment on (its disk is full) goes on for this visit, and says so', async () => {
    const device = createDevice()
    const database = device.openTab()
    const { drafts } = storeOf(database)
    await drafts.save(place, 'before')
    device.factory.open = () => { throw new DOMException('full', 'QuotaExceededError') }
    vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(() => {
      throw new DOMException('full', 'QuotaExceededError')
    })
    await drafts.save(place, 'after')
    expect([await drafts.find(place, open()).then(textOf), database.isBlocked()]).toEqual(['after', true])
  })
})

it('a tab goes on storing when the person clears what the browser kept', async () => {
  const device = createDevice()
  const database = device.openTab()
  const { drafts } = storeOf(database)
  await drafts.save(place, 'one')
  const request = device.factory.deleteDatabase('linger')
  await new Promise((resolve) => request.addEventListener('success', resolve))
  await drafts.save(place, 'two')
  expect([await storeOf(device.openTab()).drafts.find(place, open()).then(textOf), database.isBlocked()]).toEqual(['two', false])
})

it('a page older than the tables works for this visit, and does not hold the newer page up', async () => {
  const device = createDevice()
  const database = device.openTab()
  const { drafts } = storeOf(database)
  await drafts.save(place, 'one')
  const request = device.factory.open('linger', 99)
  await new Promise((resolve) => request.addEventListener('success', resolve))
  await drafts.save(place, 'two')
  expect([await drafts.find(place, open()).then(textOf), database.isBlocked()]).toEqual(['two', true])
})
