// The room after its events, over the feeds in fixtures/feeds.
import { describe, expect, it } from 'vitest'
import type { Message, RoomEvent } from '../src/api/types'
import { foldEvent } from '../src/feed/foldEvent'
import { forgetOldest, mergeMessages, takeMessage, UNREAD_ROOM } from '../src/feed/roomState'
import type { RoomState } from '../src/feed/roomState'
import { createNumbers } from '../src/wire/numbers'
import { ann, bob, deletedMessage, joined, lines, message, sent } from './cast'

interface Feed {
  about: string
  events: RoomEvent[]
  timeline: string[]
  lastNumber: number
}

const feeds = Object.values(
  import.meta.glob<Feed>('../../fixtures/feeds/*.json', { eager: true, import: 'default' }),
)

function fold(events: RoomEvent[], state = UNREAD_ROOM) {
  return events.reduce(foldEvent, state)
}

describe('the feeds in fixtures/feeds', () => {
  it.each(feeds)('$about', ({ events, timeline, lastNumber }) => {
    const numbers = createNumbers()
    expect(events.filter((event) => !numbers.follow(event))).toEqual([])
    expect({ timeline: lines(fold(events)), lastNumber: numbers.last('tea') }).toEqual({ timeline, lastNumber })
  })

  it('are all there', () => {
    expect(feeds).toHaveLength(5)
  })
})

it('a message that history brought is not shown again when its event comes', () => {
  const state = mergeMessages(UNREAD_ROOM, [message(6, ann, 'one')])
  expect(lines(fold([sent(message(6, ann, 'one')), sent(message(7, bob, 'two'))], state))).toEqual([
    '6 ann: one',
    '7 bob: two',
  ])
})

const byEvent = (said: Message) => (state: RoomState) => foldEvent(state, sent(said))
const byAnswer = (said: Message) => (state: RoomState) => takeMessage(state, said)
/** As read when the server had told of everything up to `heardUpTo`. */
const byHistory = (said: Message, heardUpTo: number) => (state: RoomState) => mergeMessages(state, [said], heardUpTo)

describe('of two copies of one message', () => {
  const first = message(6, ann, 'one')
  const edited = message(6, ann, 'one, corrected')

  it.each([
    ['an event and a later history', byEvent(first), byHistory(edited, 9), '6 ann: one, corrected'],
    ['an answer and a later history', byAnswer(first), byHistory(edited, 9), '6 ann: one, corrected'],
    ['two histories', byHistory(first, 7), byHistory(edited, 9), '6 ann: one, corrected'],
    ['a text and its deletion in history', byEvent(first), byHistory(deletedMessage(6, ann), 9), '6 ann (deleted)'],
    ['a text and its event without it', byHistory(first, 9), byEvent(deletedMessage(6, ann)), '6 ann (deleted)'],
    ['an answer and its event without text', byAnswer(first), byEvent(deletedMessage(6, ann)), '6 ann (deleted)'],
  ])('the newer one is shown, whichever comes first: %s', (_name, older, newer, expected) => {
    const orders = [newer(older(UNREAD_ROOM)), older(newer(UNREAD_ROOM)), older(newer(older(UNREAD_ROOM)))]
    expect(orders.map(lines)).toEqual([[expected], [expected], [expected]])
  })
})

it('an event that comes again without its text takes the text away', () => {
  const events = [sent(message(6, ann, 'one')), sent(message(7, bob, 'two')), sent(deletedMessage(6, ann))]
  expect(lines(fold(events))).toEqual(['6 ann (deleted)', '7 bob: two'])
})

it('an event that comes again does not bring back what was dropped as too old', () => {
  const state = fold([joined(6, ann), joined(7, bob), joined(8, ann)])
  expect(lines(fold([joined(6, ann)], forgetOldest(state, 2)))).toEqual(['7 bob joined', '8 ann joined'])
})

it('an own message whose answer overtook earlier events stands where the log has it', () => {
  const overtaking = mergeMessages(UNREAD_ROOM, [message(9, ann, 'three')])
  expect(lines(fold([joined(7, bob), sent(message(8, bob, 'two'))], overtaking))).toEqual([
    '7 bob joined',
    '8 bob: two',
    '9 ann: three',
  ])
})

it('folding leaves the state before as it was', () => {
  const before = fold([sent(message(6, ann, 'one'))])
  fold([sent(message(7, ann, 'two'))], before)
  expect(lines(before)).toEqual(['6 ann: one'])
})

it('an older message does not bring an older name back', () => {
  const state = fold([sent(message(9, { id: 1, name: 'anna' }, 'two'))])
  expect(lines(mergeMessages(state, [message(6, ann, 'one')]))).toEqual(['6 anna: one', '9 anna: two'])
})

it('a name that was taken back stays so, when the other one is heard late', () => {
  const anna = { id: 1, name: 'anna' }
  const state = fold([sent(message(5, ann, 'one')), sent(message(9, ann, 'three'))])
  expect(lines(fold([sent(message(7, anna, 'two'))], state))).toEqual(['5 ann: one', '7 ann: two', '9 ann: three'])
})

it('the oldest items can be dropped, and are known to be fetchable again', () => {
  const state = fold([joined(6, ann), joined(7, bob), sent(message(8, bob, 'two'))])
  const trimmed = forgetOldest(state, 2)
  expect([lines(trimmed), trimmed.hasOlder]).toEqual([['7 bob joined', '8 bob: two'], true])
})
