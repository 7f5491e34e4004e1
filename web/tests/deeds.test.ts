// The deeds of the reader to messages: shown at once, kept, done once, shown no more when it has come.
import { describe, expect, it } from 'vitest'
import { shallowRef } from 'vue'
import { createClient } from '../src/api/client'
import type { Author, Message, RoomEvent } from '../src/api/types'
import { overlay, deedsByMessage } from '../src/feed/overlay'
import { createPump } from '../src/outbox/pump'
import { useOutbox } from '../src/outbox/useOutbox'
import type { Deed } from '../src/store/entries'
import { ann, bob, inScope, message } from './cast'
import { createDevice, entry, storeOf } from './device'
import { createFakePlatform } from './fakePlatform'

const one = message(7, bob, 'one')
const react = (isOn: boolean, emoji = '👍'): Deed => ({ kind: 'react', message: 7, emoji, isOn })
const told = (isOn: boolean, by: Author = ann, emoji = '👍'): RoomEvent => {
  return { position: 9, number: 9, room: 'tea', at: '2026-11-21T11:00:00.000Z', by, type: isOn ? 'reaction_added' : 'reaction_removed', message_id: 7, emoji }
}

function openTab(device = createDevice()) {
  const platform = createFakePlatform()
  const database = device.openTab()
  const store = storeOf(database)
  const rest = async (ms = 0) => {
    for (let rounds = 0; rounds < 12; rounds += 1) await platform.clock.pass(0)
    if (ms === 0) return
    await platform.clock.pass(ms)
    await rest()
  }
  const user = shallowRef<Author | null>(ann)
  const pump = createPump({
    database,
    client: createClient(platform),
    platform,
    userId: () => ann.id,
    onChange: () => outbox.reload(),
    onUnknownCaller: () => Promise.resolve(),
  })
  const { result: outbox } = inScope(() => useOutbox({ database, platform, tab: 'a', user, tellEngine: () => pump.look() }))
  const shown = (of: Message = one) => overlay(of, deedsByMessage(outbox.entries.value).get(of.id), ann)
  const answers = () => (shown().message.reactions ?? []).map(({ emoji, by }) => `${emoji} ${by.map(({ name }) => name).join(' ')}`)
  return { ...platform, platform, store, pump, outbox, rest, shown, answers }
}

describe('a reaction', () => {
  it('shows at once, goes under its own key, and stays shown until its event has come', async () => {
    const { outbox, server, rest, answers } = openTab()
    outbox.act('tea', react(true))
    expect(answers()).toEqual(['👍 ann'])
    await rest()
    const { line, headers } = server.last()
    expect([line, headers.get('Idempotency-Key')?.length]).toEqual(['PUT /messages/7/reactions/%F0%9F%91%8D', 32])
    await server.last().accept()
    await rest()
    expect([answers(), outbox.entries.value.map(({ state }) => state)]).toEqual([['👍 ann'], ['stored']])
    outbox.hear([told(true, bob), told(true, ann, '🍵')])
    expect(outbox.entries.value).toHaveLength(1)
    outbox.hear([told(true)])
    expect(outbox.entries.value).toEqual([])
  })

  it('whose event comes before its answer is shown no longer than that', async () => {
    const { outbox, server, rest } = openTab()
    outbox.act('tea', react(true))
    await rest()
    outbox.hear([told(true)])
    await server.last().accept()
    await rest()
    expect(outbox.entries.value).toEqual([])
  })

  it('that was taken back at once does not come up again', async () => {
    const { outbox, server, rest, answers } = openTab()
    outbox.act('tea', react(true))
    outbox.act('tea', react(false))
    for (const line of ['PUT', 'DELETE']) {
      await rest()
      expect([server.last().line.split(' ')[0], answers()]).toEqual([line, []])
      await server.last().accept()
    }
    await rest()
    outbox.hear([told(false)])
    expect([outbox.entries.value, answers()]).toEqual([[], []])
  })

  it('that is refused says so, and the message is shown as it is', async () => {
    const { outbox, server, rest, shown, answers } = openTab()
    outbox.act('tea', react(true))
    await rest()
    await server.last().refuse(403, {}, { detail: 'no' })
    await rest()
    expect([answers(), shown().deeds.map(({ state, detail }) => [state, detail])]).toEqual([[], [['refused', 'no']]])
    outbox.retry(shown().deeds[0]?.requestId ?? '')
    await rest()
    expect([server.requests.length, answers()]).toEqual([2, ['👍 ann']])
  })

  it('goes days later without a question, and a text asks', async () => {
    const { store, pump, server, rest, clock, outbox } = openTab()
    const old = { at: clock.date() - 3 * 86_400_000 }
    await store.entries.add(entry('hello', old))
    await store.entries.add(entry('', { ...old, deed: { kind: 'edit', message: 7, text: 'uno' } }))
    await store.entries.add(entry('', { ...old, deed: react(true) }))
    pump.look()
    await rest()
    expect(server.lines()).toEqual(['PUT /messages/7/reactions/%F0%9F%91%8D'])
    expect(outbox.entries.value.map(({ state }) => state)).toEqual(['asking', 'asking', 'sending'])
  })
})

describe('a deletion', () => {
  const deletion: Deed = { kind: 'delete', message: 7 }

  it('shows at once, waits for ten seconds, and then is done', async () => {
    const { outbox, server, rest, shown } = openTab()
    outbox.act('tea', deletion)
    expect(shown()).toMatchObject({ message: { deleted: true }, deeds: [{ state: 'waiting' }] })
    await rest(9_900)
    expect(server.requests).toHaveLength(0)
    await rest(100)
    expect(server.lines()).toEqual(['DELETE /messages/7'])
    await server.last().accept()
    await rest()
    expect(shown()).toMatchObject({ message: { deleted: true }, deeds: [] })
  })

  it('that is taken back never happened', async () => {
    const { outbox, server, rest, shown } = openTab()
    outbox.act('tea', deletion)
    await rest(5000)
    outbox.discard(shown().deeds[0]?.requestId ?? '')
    await rest(60_000)
    expect([server.requests, shown()]).toEqual([[], { message: one, deeds: [] }])
  })

  it('holds nothing up that comes after it', async () => {
    const { outbox, server, rest } = openTab()
    outbox.act('tea', deletion)
    outbox.act('tea', { ...react(true), message: 8 })
    await rest()
    expect(server.lines()).toEqual(['PUT /messages/8/reactions/%F0%9F%91%8D'])
    await server.last().accept()
    await rest(10_000)
    expect(server.lines()[1]).toBe('DELETE /messages/7')
  })

  it('is done by the next page when this one was left before', async () => {
    const device = createDevice()
    const first = openTab(device)
    first.outbox.act('tea', deletion)
    await first.rest()
    first.pump.stop()
    const second = openTab(device)
    second.pump.look()
    await second.rest()
    expect([first.server.requests, second.server.requests]).toEqual([[], []])
    await second.rest(10_000)
    expect(second.server.lines()).toEqual(['DELETE /messages/7'])
  })

  it('does not wait for a clock that was set back', async () => {
    const { outbox, server, rest, clock, pump } = openTab()
    outbox.act('tea', deletion)
    await rest()
    clock.setAhead(-3_600_000)
    pump.look()
    await rest()
    expect(server.requests).toHaveLength(1)
  })
})

it('an edit shows its text at once, and comes back to the composer when it is refused', async () => {
  const { outbox, server, rest, shown } = openTab()
  const mine = message(7, ann, 'one')
  outbox.act('tea', { kind: 'edit', message: 7, text: 'uno' })
  expect(shown(mine).message).toMatchObject({ text: 'uno', edited_at: expect.any(String) })
  await rest()
  expect([server.last().line, server.last().body]).toEqual(['PATCH /messages/7', { text: 'uno' }])
  await server.last().refuse(404)
  await rest()
  expect(shown(mine)).toMatchObject({ message: mine, deeds: [{ state: 'refused' }] })
  expect(outbox.takeBack(shown(mine).deeds[0]?.requestId ?? '')).toBe('uno')
})

it('an answer names what it answers, and quotes it while it is on its way', async () => {
  const { outbox, server, rest } = openTab()
  outbox.add('tea', 'two', { id: 7, number: 7, by: bob, text: 'one' })
  await rest()
  expect(server.last().body).toEqual({ text: 'two', reply_to: 7 })
  expect(outbox.entries.value[0]?.replyTo?.text).toBe('one')
})

it('a page that knows no deeds finds no text in one', async () => {
  const { outbox, store, rest } = openTab()
  outbox.act('tea', { kind: 'edit', message: 7, text: 'uno' })
  await rest()
  expect((await store.entries.all()).map(({ text }) => text)).toEqual([''])
})
