// All rooms after their events, over the feeds in fixtures/feeds and beyond.
import { describe, expect, it } from 'vitest'
import type { Author, Message, RoomEvent } from '../src/api/types'
import { EMPTY_CHAT, fold } from '../src/feed/fold'
import type { ChatState } from '../src/feed/fold'
import { named } from '../src/feed/names'
import { countUnread, newRoom, showUpTo } from '../src/feed/room'
import { cutNewest, cutOldest, EMPTY_TIMELINE, mergeMessages } from '../src/feed/timeline'
import type { Item, Timeline } from '../src/feed/timeline'
import { ann, bob, deletedMessage, inTea, joined, message, sent, tea, teaOf } from './cast'

interface Feed {
  about: string
  events: RoomEvent[]
  timeline: string[]
  lastNumber: number
}

const feeds = Object.values(import.meta.glob<Feed>('../../fixtures/feeds/*.json', { eager: true, import: 'default' }))

const cleo: Author = { id: 3, name: 'cleo' }
const at = '2026-11-21T10:00:00.000Z'

/** Writes #tea's timeline down: `6 ann: one`, `7 ann (deleted)`, `9 bob joined`, `10 ann added cleo`. */
function lines(chat: ChatState): string[] {
  return (teaOf(chat).timeline?.items ?? []).map((item) => line(chat, item))
}

function line(chat: ChatState, item: Item): string {
  const name = item.by ? named(chat.names, item.by).name : 'server'
  if (item.kind === 'notice') {
    const whom = item.member && item.member.id !== item.by?.id ? ` ${named(chat.names, item.member).name}` : ''
    return `${item.position} ${name} ${item.what}${whom}`
  }
  const { deleted, text } = item.message
  return `${item.position} ${name}${deleted ? ' (deleted)' : `: ${text}`}`
}

describe('the feeds in fixtures/feeds', () => {
  it.each(feeds)('$about', ({ events, timeline, lastNumber }) => {
    const chat = events.reduce(fold, inTea())
    expect({ timeline: lines(chat), lastNumber: teaOf(chat).about.last_number }).toEqual({ timeline, lastNumber })
    expect(lines(events.reduce(fold, chat)), 'told twice').toEqual(timeline)
  })

  it('are all there', () => {
    expect(feeds).toHaveLength(5)
  })
})

const enteredTea = { id: 1, name: 'tea', topic: 'Leaves', kind: 'closed', members: 3 } as const

describe('who comes and goes', () => {
  const added: RoomEvent = { type: 'member_joined', position: 9, number: 4, room: 'tea', at, by: ann, member: cleo, entered: enteredTea }
  const removed: RoomEvent = { type: 'member_left', position: 10, number: 5, room: 'tea', at, by: ann, member: cleo }
  const gone: RoomEvent = { type: 'member_left', position: 11, number: 6, room: 'tea', at, by: bob, member: bob }

  it('is told with the one who did it, and counted once', () => {
    const events = [added, removed, gone]
    const chat = events.reduce(fold, inTea({ last_number: 3 }))
    expect(lines(chat)).toEqual(['9 ann added cleo', '10 ann removed cleo', '11 bob left'])
    expect(teaOf(chat).about.members).toBe(1)
    expect(teaOf(events.reduce(fold, chat)).about.members).toBe(1)
  })

  it('that an answer knew already is not counted again', () => {
    expect(teaOf(fold(inTea({ last_number: 4, members: 3 }), added)).about.members).toBe(3)
  })

  it('brings a room that I was added to, and its topic', () => {
    const me = { ...cleo, role: 'guest' }
    const room = fold({ ...EMPTY_CHAT, me }, added).rooms.get('tea')
    expect(room && { ...room.about, isMember: room.isMember }).toEqual({
      ...enteredTea,
      slug: 'tea',
      last_number: 4,
      isMember: true,
    })
  })

  it('brings a room that I opened elsewhere', () => {
    const opened: RoomEvent = { type: 'room_opened', position: 8, number: 1, room: 'tea', at, by: cleo, opened: { ...enteredTea, members: 1 } }
    const elsewhere = { ...EMPTY_CHAT, me: { ...cleo, role: 'guest' } }
    expect(teaOf(fold(elsewhere, opened))).toMatchObject({ isMember: true, about: { name: 'tea', last_number: 1, members: 1 } })
    expect(fold(elsewhere, { ...opened, by: ann }).rooms.size).toBe(0)
  })

  it('brings me into a room that I had read already, whose answer knew the event', () => {
    const about = { ...tea, kind: 'closed' as const, last_number: 6 }
    const read = { ...EMPTY_CHAT, me: { ...cleo, role: 'guest' }, rooms: new Map([['tea', newRoom(about, false)]]) }
    const inside = fold(read, added)
    expect(teaOf(inside)).toMatchObject({ isMember: true, about: { last_number: 6 } })
    // A page of events that comes late tells what was, and then what is.
    const outside = [removed, added, removed].reduce(fold, inside)
    expect(teaOf(outside).isMember).toBe(false)
  })

  it('takes a room from me, and says by whom; being let in again forgets that', () => {
    const me = { ...cleo, role: 'guest' }
    const inside = fold({ ...EMPTY_CHAT, me }, added)
    const outside = fold(inside, removed)
    expect(teaOf(outside)).toMatchObject({ isMember: false, removedBy: ann })
    expect(teaOf(fold(outside, { ...added, position: 20, number: 7 }))).not.toHaveProperty('removedBy')
  })
})

describe('unread is what this device has not shown', () => {
  it('counts the messages of others, once each', () => {
    const events = [sent(message(4, bob, 'one')), sent(message(5, ann, 'mine')), sent(message(6, bob, 'two'))]
    const chat = [...events, ...events].reduce(fold, inTea({ last_number: 3 }, null))
    expect(teaOf(chat).unread).toBe(2)
    expect(showUpTo(teaOf(chat), 6, ann).unread).toBe(0)
  })

  it('is not known of what came while this page was away, until its history is here', () => {
    const room = newRoom({ ...tea, last_number: 9 }, true, 3)
    expect(room.unread).toBe(null)
    const timeline = mergeMessages(EMPTY_TIMELINE, [message(3, bob, 'old'), message(4, bob, 'new'), message(5, ann, 'mine')])
    expect(countUnread({ ...room, timeline }, ann)).toMatchObject({ unread: 1, hasMoreUnread: false })
  })

  it('says where there are more than were counted', () => {
    const room = newRoom({ ...tea, last_number: 90 }, true, 3)
    const timeline = { ...mergeMessages(EMPTY_TIMELINE, [message(80, bob, 'a'), message(90, bob, 'b')]), hasOlder: true }
    expect(countUnread({ ...room, timeline }, ann)).toMatchObject({ unread: 2, hasMoreUnread: true })
  })
})

function shape({ items, hasOlder, hasNewer }: Timeline) {
  return [items.map(({ position }) => position), hasOlder, hasNewer]
}

describe('a window on a long history', () => {
  const long = mergeMessages(EMPTY_TIMELINE, [1, 2, 3, 4, 5].map((id) => message(id, bob, `${id}`)))

  it('is cut at either end, and knows that there is more', () => {
    expect(shape(cutOldest(long, 2))).toEqual([[4, 5], true, false])
    expect(shape(cutNewest(long, 2))).toEqual([[1, 2], false, true])
    expect(shape(cutNewest(long, 5))).toEqual([[1, 2, 3, 4, 5], false, false])
  })

  it.each([
    ['newer than its end is left for its page', cutNewest(long, 2), 6],
    ['older than its beginning is left for its page', cutOldest(long, 2), 2],
  ])('a message %s', (_name, timeline, id) => {
    const chat = inTea({ last_number: 5 }, timeline)
    expect(teaOf(fold(chat, sent(message(id, bob, 'news')))).timeline?.items).toEqual(timeline.items)
  })

  it('changes what it shows already', () => {
    const chat = fold(inTea({ last_number: 5 }, cutNewest(long, 2)), sent(deletedMessage(2, bob)))
    expect(lines(chat)).toEqual(['1 bob: 1', '2 bob (deleted)'])
  })
})

it('a name that was taken back stays so, when the other one is heard late', () => {
  const anna = { id: 1, name: 'anna' }
  const events = [sent(message(5, ann, 'one')), sent(message(9, ann, 'three')), sent(message(7, anna, 'two'))]
  expect(lines(events.reduce(fold, inTea()))).toEqual(['5 ann: one', '7 ann: two', '9 ann: three'])
})

it('folding leaves the state before as it was', () => {
  const before = fold(inTea(), sent(message(6, ann, 'one')))
  fold(before, sent(message(7, ann, 'two')))
  expect(lines(before)).toEqual(['6 ann: one'])
})

const byEvent = (said: Message) => (chat: ChatState) => fold(chat, sent(said))
/** As read when the server had told of everything up to `heardUpTo`. */
const byHistory = (said: Message, heardUpTo: number) => (chat: ChatState) => {
  const timeline = mergeMessages(teaOf(chat).timeline ?? EMPTY_TIMELINE, [said], heardUpTo)
  return { ...chat, rooms: new Map([['tea', { ...teaOf(chat), timeline }]]) }
}

describe('of two copies of one message', () => {
  const first = message(6, ann, 'one')
  const edited = message(6, ann, 'one, corrected')

  it.each([
    ['an event and a later history', byEvent(first), byHistory(edited, 9), '6 ann: one, corrected'],
    ['two histories', byHistory(first, 7), byHistory(edited, 9), '6 ann: one, corrected'],
    ['a text and its deletion in history', byEvent(first), byHistory(deletedMessage(6, ann), 9), '6 ann (deleted)'],
    ['a text and its event without it', byHistory(first, 9), byEvent(deletedMessage(6, ann)), '6 ann (deleted)'],
  ])('the newer one is shown, whichever comes first: %s', (_name, older, newer, expected) => {
    const orders = [newer(older(inTea())), older(newer(inTea())), older(newer(older(inTea())))]
    expect(orders.map(lines)).toEqual([[expected], [expected], [expected]])
  })
})

it('an own message that overtook earlier events stands where the log has it', () => {
  const overtaking = byHistory(message(9, ann, 'three'), 0)(inTea())
  const chat = [joined(7, bob), sent(message(8, bob, 'two'))].reduce(fold, overtaking)
  expect(lines(chat)).toEqual(['7 bob joined', '8 bob: two', '9 ann: three'])
})

it('an older message does not bring an older name back', () => {
  const chat = fold(inTea(), sent(message(9, { id: 1, name: 'anna' }, 'two')))
  expect(lines(byHistory(message(6, ann, 'one'), 0)(chat))).toEqual(['6 anna: one', '9 anna: two'])
})

it('a new name of mine is mine everywhere', () => {
  const chat = fold(inTea(), { type: 'user_renamed', position: 9, at, by: { id: 1, name: 'anna' } })
  expect(chat.me?.name).toBe('anna')
})
