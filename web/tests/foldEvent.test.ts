// What events do to a room, over the feeds in fixtures/feeds.
import { describe, expect, it } from 'vitest'
import type { RoomEvent } from '../src/api/types'
import { foldEvent, leavesHole } from '../src/feed/foldEvent'
import { forgetOldest, mergeMessages, UNREAD_ROOM } from '../src/feed/roomState'
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
    const state = fold(events)
    expect({ timeline: lines(state), lastNumber: state.lastNumber }).toEqual({ timeline, lastNumber })
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

it.each([
  ['after', [deletedMessage(6, ann), message(6, ann, 'one')]],
  ['before', [message(6, ann, 'one'), deletedMessage(6, ann)]],
])('a message stays deleted when its text comes %s', (_name, copies) => {
  const state = mergeMessages(UNREAD_ROOM, [...copies, message(7, bob, 'two')])
  expect(lines(state)).toEqual(['6 ann (deleted)', '7 bob: two'])
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

describe('a hole in the numbers', () => {
  const state = fold([joined(6, ann)])
  it.each([
    ['the next number', 7, false],
    ['a number known already', 6, false],
    ['a number too far', 8, true],
  ])('%s', (_name, number, expected) => {
    expect(leavesHole(state, joined(number, bob))).toBe(expected)
  })

  it('cannot be seen before the first event', () => {
    expect(leavesHole(UNREAD_ROOM, joined(40, bob))).toBe(false)
  })
})

it('the oldest items can be dropped, and are known to be fetchable again', () => {
  const state = fold([joined(6, ann), joined(7, bob), sent(message(8, bob, 'two'))])
  const trimmed = forgetOldest(state, 2)
  expect([lines(trimmed), trimmed.hasOlder]).toEqual([['7 bob joined', '8 bob: two'], true])
})
