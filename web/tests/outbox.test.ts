// The outbox as the page shows it, in every tab.
import { describe, expect, it, vi } from 'vitest'
import { shallowRef } from 'vue'
import type { Author, Message } from '../src/api/types'
import { mayGo, useOutbox } from '../src/outbox/useOutbox'
import { takeOverLocalStorage } from '../src/store/legacy'
import { ann, bob, inScope, message } from './cast'
import { createDevice, entry, storeOf } from './device'
import type { Device } from './device'
import { createFakePlatform, DAWN } from './fakePlatform'

function openTab(device: Device = createDevice(), platform = createFakePlatform()) {
  const database = device.openTab()
  const user = shallowRef<Author | null>(ann)
  const tellEngine = vi.fn<() => void>()
  const { result: outbox } = inScope(() => useOutbox({ database, platform, tab: 'a', user, tellEngine }))
  const store = storeOf(database)
  const rest = async () => {
    for (let rounds = 0; rounds < 12; rounds += 1) await platform.clock.pass(0)
  }
  const shown = () => outbox.entries.value.map(({ room, text, state }) => `${room} ${text}: ${state}`)
  const only = () => outbox.entries.value[0]?.requestId ?? ''
  return { device, platform, user, outbox, store, tellEngine, rest, shown, only }
}

/** A message that ann sent under the id of an entry. */
function echo(requestId: string, by: Author = ann): Message {
  return message(7, by, 'one', requestId)
}

it('a text shows at once, is kept, and the engine is told when it is', async () => {
  const { outbox, shown, store, rest, tellEngine } = openTab()
  outbox.add('tea', 'one')
  expect([shown(), tellEngine.mock.calls.length]).toEqual([['tea one: waiting'], 0])
  await rest()
  expect((await store.entries.all()).map(({ text, state, userId }) => [text, state, userId])).toEqual([['one', 'waiting', 1]])
  expect([shown(), tellEngine.mock.calls.length]).toEqual([['tea one: waiting'], 1])
})

it('a text takes its draft along', async () => {
  const { outbox, store, rest } = openTab()
  const place = { userId: ann.id, room: 'tea', tab: 'a' }
  await store.drafts.save(place, 'one')
  outbox.add('tea', 'one')
  await rest()
  expect(await store.drafts.find(place, () => Promise.resolve(new Set()))).toBeNull()
})

it('all rooms are there, in the order of writing, also when the clock is set back in between', async () => {
  const { outbox, shown, rest, platform } = openTab()
  outbox.add('tea', 'one')
  platform.clock.setAhead(-3_600_000)
  outbox.add('lobby', 'two')
  await rest()
  outbox.add('tea', 'three')
  await rest()
  expect(shown()).toEqual(['tea one: waiting', 'lobby two: waiting', 'tea three: waiting'])
})

it('another tab shows it, too, and a third person does not', async () => {
  const first = openTab()
  const second = openTab(first.device)
  first.outbox.add('tea', 'one')
  await first.rest()
  second.outbox.reload()
  await second.rest()
  expect(second.shown()).toEqual(['tea one: waiting'])
  second.user.value = bob
  expect(second.shown()).toEqual([])
})

describe('a text that the server has', () => {
  it('is shown until its message is, and then no more, in every tab', async () => {
    const first = openTab()
    const second = openTab(first.device)
    first.outbox.add('tea', 'one')
    await first.rest()
    const id = first.only()
    for (const tab of [first, second]) {
      tab.outbox.reload()
      await tab.rest()
    }
    await first.store.entries.remove([id])
    for (const tab of [first, second]) {
      tab.outbox.reload()
      await tab.rest()
      expect(tab.shown()).toEqual(['tea one: stored'])
      tab.outbox.see([echo(id)])
      expect(tab.shown()).toEqual([])
    }
  })

  it('is shown so even when the pump was faster than this tab could read', async () => {
    const { outbox, store, platform, shown, rest, only } = openTab()
    outbox.add('tea', 'one')
    await store.entries.remove([only()])
    await rest()
    expect(shown()).toEqual(['tea one: stored'])
    await platform.clock.pass(10_000)
    expect(shown()).toEqual([])
  })

  it('leaves when its message comes before the answer, and stays away', async () => {
    const { outbox, shown, store, rest, only } = openTab()
    outbox.add('tea', 'one')
    await rest()
    outbox.see([echo(only())])
    expect(shown()).toEqual([])
    await rest()
    expect([shown(), await store.entries.all()]).toEqual([[], []])
  })

  it('leaves when the history had shown it before the store was read', async () => {
    const device = createDevice()
    await storeOf(device.openTab()).entries.add(entry('one', { requestId: 'r' }))
    const { outbox, shown, store, rest } = openTab(device)
    outbox.see([echo('r')])
    await rest()
    expect([shown(), await store.entries.all()]).toEqual([[], []])
  })

  it.each([
    ['of somebody else with the same request id', (id: string) => echo(id, bob)],
    ['of hers with another request id', () => echo('another')],
    ['of hers without one', () => message(7, ann, 'one')],
  ])('is not a message %s', async (_name, other) => {
    const { outbox, shown, rest, only } = openTab()
    outbox.add('tea', 'one')
    await rest()
    outbox.see([other(only())])
    await rest()
    expect(shown()).toEqual(['tea one: waiting'])
  })
})

async function refused(status: number) {
  const tab = openTab()
  await tab.store.entries.add(entry('one', { requestId: 'r', state: 'refused', status, detail: 'no', at: DAWN - 9 }))
  tab.outbox.reload()
  await tab.rest()
  return tab
}

describe('a refused text', () => {
  it.each([401, 403, 404])('after %i goes again under its id, for an earlier attempt may have been stored', async (status) => {
    const { outbox, store, rest, tellEngine } = await refused(status)
    outbox.retry('r')
    await rest()
    const [again] = await store.entries.all()
    expect(again).toMatchObject({ requestId: 'r', state: 'waiting', at: DAWN })
    expect([again && 'status' in again, again && 'detail' in again, tellEngine.mock.calls.length]).toEqual([false, false, 1])
  })

  it('after 409 goes under a new id, for the old one stands for another message', async () => {
    const { outbox, store, rest, shown } = await refused(409)
    outbox.retry('r')
    await rest()
    const [again, ...others] = await store.entries.all()
    expect([again?.requestId.length, again?.state, others]).toEqual([32, 'waiting', []])
    expect(shown()).toEqual(['tea one: waiting'])
  })

  it.each([400, 413, 415, 422])('after %i does not go again: the text itself cannot be taken', async (status) => {
    const { outbox, store, rest } = await refused(status)
    outbox.retry('r')
    await rest()
    expect(await store.entries.all()).toMatchObject([{ state: 'refused', status }])
    expect(outbox.entries.value.map(mayGo)).toEqual([false])
  })

  it('goes back into the composer, and out of the store', async () => {
    const { outbox, store, rest, shown } = await refused(400)
    expect([outbox.takeBack('r'), outbox.takeBack('r')]).toEqual(['one', null])
    expect(shown()).toEqual([])
    await rest()
    expect(await store.entries.all()).toEqual([])
  })
})

it('a browser that stores nothing shows and keeps texts for this visit', async () => {
  const device = createDevice()
  device.factory.open = () => {
    throw new DOMException('denied', 'SecurityError')
  }
  const { outbox, store, shown, rest } = openTab(device)
  outbox.add('tea', 'one')
  await rest()
  expect([shown(), (await store.entries.all()).length]).toEqual([['tea one: waiting'], 1])
})

it('drafts and texts of earlier versions are taken over from localStorage, once', async () => {
  const requestId = 'a'.repeat(32)
  localStorage.setItem('linger.draft.1.tea', 'half a sentence')
  localStorage.setItem(
    `linger.outbox.1.café.tea.${requestId}`,
    JSON.stringify({ requestId, text: 'one', at: DAWN, attempts: 1, state: 'refused', status: 403 }),
  )
  localStorage.setItem('linger.outbox.1.tea.broken', '{')
  localStorage.setItem('other', 'stays')
  const database = createDevice().openTab()
  const { drafts, entries } = storeOf(database)
  await takeOverLocalStorage(localStorage, database, drafts)
  expect(await drafts.find({ userId: 1, room: 'tea', tab: 'a' }, () => Promise.resolve(new Set(['a'])))).toMatchObject({
    text: 'half a sentence',
  })
  expect(await entries.all()).toMatchObject([{ requestId, userId: 1, room: 'café.tea', state: 'refused', status: 403 }])
  expect(Object.keys(localStorage).sort()).toEqual(['linger.outbox.1.tea.broken', 'other'])
  localStorage.clear()
})
