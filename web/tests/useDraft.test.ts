// The draft of a room, as the composer has it.
import { expect, it } from 'vitest'
import { nextTick, ref, shallowRef } from 'vue'
import type { Quote } from '../src/api/types'
import { useDraft } from '../src/outbox/useDraft'
import type { DraftPlace } from '../src/store/drafts'
import { inScope } from './cast'
import { createDevice, storeOf } from './device'

function openComposer(device = createDevice(), tab = 'a', room = 'tea') {
  const { drafts } = storeOf(device.openTab())
  const text = ref('')
  const replyTo = shallowRef<Quote | null>(null)
  const place = shallowRef<DraftPlace | null>({ userId: 1, room, tab })
  const openTabs = new Set(['a', 'b', 'c'])
  const { stop } = inScope(() => useDraft({ drafts, findOpenTabs: () => Promise.resolve(openTabs), place, text, replyTo }))
  return { device, drafts, text, replyTo, place, openTabs, stop }
}

async function rest(): Promise<void> {
  for (let rounds = 0; rounds < 20; rounds += 1) await new Promise((resolve) => setImmediate(resolve))
}

it('each tab has its own, over a reload', async () => {
  const first = openComposer()
  const second = openComposer(first.device, 'b')
  first.text.value = 'in the first'
  second.text.value = 'in the second'
  await rest()
  first.stop()
  second.stop()
  const [again, other] = [openComposer(first.device), openComposer(first.device, 'b')]
  await rest()
  expect([again.text.value, other.text.value]).toEqual(['in the first', 'in the second'])
})

it('each room has its own, and changing rooms loses none', async () => {
  const { text, place } = openComposer()
  text.value = 'in tea'
  place.value = { userId: 1, room: 'lobby', tab: 'a' }
  expect(text.value).toBe('')
  text.value = 'in lobby'
  await rest()
  place.value = { userId: 1, room: 'tea', tab: 'a' }
  await rest()
  expect(text.value).toBe('in tea')
  place.value = { userId: 1, room: 'lobby', tab: 'a' }
  await rest()
  expect(text.value).toBe('in lobby')
})

it('a closed tab’s draft comes to the next tab, and goes back where it lay if that writes already', async () => {
  const first = openComposer()
  first.text.value = 'of the closed tab'
  await rest()
  first.stop()
  const second = openComposer(first.device, 'b')
  second.openTabs.delete('a')
  await nextTick()
  second.text.value = 'quick'
  await rest()
  expect(second.text.value).toBe('quick')
  const third = openComposer(first.device, 'c')
  third.openTabs.delete('a')
  await rest()
  expect(third.text.value).toBe('of the closed tab')
})

it('what is written before the person is known is kept as theirs', async () => {
  const { text, place, drafts } = openComposer()
  place.value = null
  text.value = 'early'
  place.value = { userId: 2, room: 'tea', tab: 'a' }
  await rest()
  expect([text.value, (await drafts.find(place.value, () => Promise.resolve(new Set())))?.text]).toEqual(['early', 'early'])
})

it('what is being written stays when the server knows somebody else instead', async () => {
  const { text, place } = openComposer()
  text.value = 'half a sentence'
  place.value = { userId: 2, room: 'tea', tab: 'a' }
  await rest()
  expect(text.value).toBe('half a sentence')
})

it('an emptied composer has no draft', async () => {
  const { device, text, stop } = openComposer()
  text.value = 'one'
  text.value = ''
  await rest()
  stop()
  const again = openComposer(device)
  await rest()
  expect(again.text.value).toBe('')
})

const quote: Quote = { id: 7, number: 3, by: { id: 2, name: 'bob' }, text: 'the kettle is on' }
/** A text that is deleted meanwhile must not lie here. */
const { text: _, ...named } = quote

it('what it answers is kept with it, without the text of that, and each room has its own', async () => {
  const { device, text, replyTo, place, stop } = openComposer()
  replyTo.value = quote
  await rest()
  place.value = { userId: 1, room: 'lobby', tab: 'a' }
  await rest()
  expect([text.value, replyTo.value]).toEqual(['', null])
  place.value = { userId: 1, room: 'tea', tab: 'a' }
  await rest()
  expect([text.value, replyTo.value]).toEqual(['', named])
  text.value = 'coming'
  await rest()
  stop()
  const again = openComposer(device)
  await rest()
  expect([again.text.value, again.replyTo.value]).toEqual(['coming', named])
  again.replyTo.value = null
  again.text.value = ''
  await rest()
  again.stop()
  const last = openComposer(device)
  await rest()
  expect([last.text.value, last.replyTo.value]).toEqual(['', null])
})

it('what was chosen to be answered while the draft was read is answered', async () => {
  const first = openComposer()
  first.text.value = 'coming'
  await rest()
  first.stop()
  const { text, replyTo } = openComposer(first.device)
  replyTo.value = quote
  await rest()
  expect([text.value, replyTo.value]).toEqual(['coming', quote])
})
