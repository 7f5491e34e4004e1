// A message after it was sent: edits, deletions, reactions, pins.
import { describe, expect, it } from 'vitest'
import type { Author, Message, RoomEvent } from '../src/api/types'
import { fold } from '../src/feed/fold'
import type { ChatState } from '../src/feed/fold'
import { EMPTY_TIMELINE, findMessage, mergeMessages } from '../src/feed/timeline'
import { ann, bob, inTea, message, sent, tea, teaOf } from './cast'
import { createChance } from './chance'

const at = '2026-11-21T11:00:00.000Z'
const frame = (position: number, by: Author) => ({ position, number: position, room: 'tea', at, by })
const edited = (position: number, said: Message): RoomEvent => {
  return { ...frame(position, said.by ?? ann), type: 'message_edited', message: { ...said, edited_at: at } }
}
const deleted = (position: number, said: Message): RoomEvent => {
  const { text: _, ...left } = said
  return { ...frame(position, said.by ?? ann), type: 'message_deleted', message: { ...left, deleted: true } }
}
const reaction = (position: number, by: Author, id: number, emoji: string, isOn = true): RoomEvent => {
  return { ...frame(position, by), type: isOn ? 'reaction_added' : 'reaction_removed', message_id: id, emoji }
}
const pinning = (position: number, by: Author, id: number, isOn = true): RoomEvent => {
  return { ...frame(position, by), type: isOn ? 'message_pinned' : 'message_unpinned', message_id: id }
}
const answer = (id: number, by: Author, text: string, quoted: Message): Message => {
  const { number, by: author, text: first = '' } = quoted
  return { ...message(id, by, text), reply_to: { id: quoted.id, number, ...(author && { by: author }), text: first } }
}

const one = message(1, ann, 'one')
const two = answer(2, bob, 'two', one)
const said = [sent(one), sent(two)]

function shown(events: readonly RoomEvent[], chat: ChatState = inTea()): (Message | undefined)[] {
  const { timeline } = teaOf(events.reduce(fold, chat))
  return [1, 2].map((id) => findMessage(timeline, id))
}

describe('a message', () => {
  it('that is edited keeps the answers to it, and is quoted as it is now', () => {
    const events = [...said, reaction(3, bob, 1, '👍'), edited(4, { ...one, text: 'uno' })]
    expect(shown(events)).toEqual([
      { ...one, text: 'uno', edited_at: at, reactions: [{ emoji: '👍', by: [bob] }] },
      { ...two, reply_to: { id: 1, number: 1, by: ann, text: 'uno' } },
    ])
  })

  it('that is deleted loses all that was in it and on it, in quotes, too', () => {
    const events = [...said, reaction(3, bob, 1, '👍'), pinning(4, bob, 1), deleted(5, one), reaction(6, bob, 1, '👍')]
    const { text: _, ...left } = one
    expect(shown(events)).toEqual([{ ...left, deleted: true }, { ...two, reply_to: { id: 1, number: 1, by: ann, deleted: true } }])
  })

  it('from before my stay is quoted by its id alone, whatever happens to it', () => {
    const quoting = { ...two, reply_to: { id: 1 } }
    expect(shown([sent(quoting), edited(3, one), deleted(4, one)])[1]).toEqual(quoting)
  })

  it('is quoted by its first 120 characters, and never by half of one', () => {
    const [, quoting] = shown([...said, edited(3, { ...one, text: '😀'.repeat(121) })])
    expect(quoting?.reply_to?.text).toBe('😀'.repeat(120))
  })

  it('has its emoji in the order in which each came first, each person once', () => {
    const events = [...said, reaction(3, ann, 1, '🍵'), reaction(4, bob, 1, '👍'), reaction(5, bob, 1, '🍵'), reaction(6, ann, 1, '🍵', false)]
    expect(shown(events)[0]?.reactions).toEqual([
      { emoji: '🍵', by: [bob] },
      { emoji: '👍', by: [bob] },
    ])
    const again = [...events, reaction(7, bob, 1, '🍵', false), reaction(8, bob, 1, '🍵')]
    expect(shown(again)[0]?.reactions?.map(({ emoji }) => emoji)).toEqual(['👍', '🍵'])
    expect(shown([...again, reaction(9, bob, 1, '🍵', false), reaction(10, bob, 1, '👍', false)])[0]).toEqual(one)
  })

  it('that is not here is passed over, and counts', () => {
    const events = [edited(3, { ...one, text: 'uno' }), reaction(4, bob, 1, '👍'), deleted(5, one)]
    const chat = events.reduce(fold, inTea())
    expect([teaOf(chat).timeline?.items, teaOf(chat).about.last_number]).toEqual([[], 5])
  })
})

describe('an event that history knew already', () => {
  const now: Message = { ...one, text: 'tres', edited_at: at, reactions: [{ emoji: '🍵', by: [bob] }] }
  const read = inTea({}, mergeMessages(EMPTY_TIMELINE, [now, two], 9))

  it.each([
    ['an edit', edited(5, { ...one, text: 'uno' })],
    ['a reaction', reaction(6, ann, 1, '🍵')],
    ['a reaction taken back', reaction(7, bob, 1, '🍵', false)],
    ['a pin', pinning(8, bob, 1)],
  ])('changes nothing: %s', (_name, event) => {
    expect(shown([event], read)).toEqual([now, two])
  })

  it('does not bring a deleted text back', () => {
    const gone = inTea({}, mergeMessages(EMPTY_TIMELINE, [{ ...message(1, ann, ''), deleted: true }], 2))
    expect(shown([edited(5, { ...one, text: 'uno' })], gone)[0]?.deleted).toBe(true)
  })
})

const withPins = (messages: Message[], asOf = 2) => {
  const chat = said.reduce(fold, inTea())
  return { ...chat, rooms: new Map([['tea', { ...teaOf(chat), pins: { messages, asOf } }]]) }
}
const pinned = (chat: ChatState) => teaOf(chat).pins?.messages.map(({ id, text }) => `${id} ${text}`)

describe('what is pinned', () => {
  it('grows and shrinks with the events, in the order of pinning', () => {
    const pins = [pinning(3, bob, 2), pinning(4, ann, 1)].reduce(fold, withPins([]))
    expect(pinned(pins)).toEqual(['1 one', '2 two'])
    expect(pinned([pinning(3, bob, 2), pinning(4, ann, 1)].reduce(fold, pins))).toEqual(['1 one', '2 two'])
    expect(pinned(fold(pins, pinning(5, bob, 2, false)))).toEqual(['1 one'])
    expect(pinned(fold(pins, edited(5, { ...one, text: 'uno' })))).toEqual(['1 uno', '2 two'])
    expect(pinned(fold(pins, deleted(5, one)))).toEqual(['2 two'])
  })

  it('has to be read anew when something from long ago is pinned', () => {
    expect(teaOf(fold(withPins([]), pinning(3, bob, 77))).pins).toBeNull()
    expect(teaOf(fold(withPins([], 9), pinning(3, bob, 77))).pins).not.toBeNull()
  })
})

it('a room has another name and topic, and the change is told', () => {
  const changed = { id: 1, name: 'Green tea', topic: 'Leaves', kind: 'open' as const, members: 2 }
  const chat = fold(inTea(), { ...frame(3, ann), type: 'room_changed', changed })
  expect(teaOf(chat).about).toEqual({ ...tea, name: 'Green tea', topic: 'Leaves', last_number: 3 })
  expect(teaOf(chat).timeline?.items).toMatchObject([{ kind: 'notice', what: 'changed', by: ann }])
})

it('some events after history give the same as all events, and so do events told twice', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const chance = createChance(seed)
    const pick = <Value>(from: readonly Value[]) => from[Math.floor(chance() * from.length)] as Value
    const events = [...said]
    const gone = new Set<number>()
    for (let position = 3; position < 20; position += 1) {
      const subject = pick([one, two])
      const by = pick([ann, bob])
      const isOn = chance() < 0.6
      const next = pick([
        reaction(position, by, subject.id, pick(['👍', '🍵', '🎉']), isOn),
        pinning(position, by, subject.id, isOn),
        edited(position, { ...subject, text: `text ${position}` }),
        ...(chance() < 0.2 ? [deleted(position, subject)] : []),
      ])
      // The server refuses what is done to a deleted message.
      if (gone.has(subject.id)) continue
      if (next.type === 'message_deleted') gone.add(subject.id)
      events.push(next)
    }
    const whole = shown(events)
    const cut = 2 + Math.floor(chance() * (events.length - 2))
    const read = shown(events.slice(0, cut)).filter((known) => known !== undefined)
    const after = inTea({}, mergeMessages(EMPTY_TIMELINE, read, events[cut - 1]?.position))
    expect(shown(events.slice(Math.floor(chance() * cut)), after), `seed ${seed}`).toEqual(whole)
    expect(shown([...events, ...events]), `seed ${seed}, twice`).toEqual(whole)
  }
})

interface RandomFeed {
  about: string
  /** The events as they came to somebody who stayed. */
  came: RoomEvent[]
  /** The same, as they come to somebody who was away. */
  late: RoomEvent[]
  messages: Message[]
}

const feeds = Object.entries(import.meta.glob<RandomFeed>('../../fixtures/feeds/messages/*.json', { eager: true, import: 'default' }))

it('the server has written feeds to fold, or the tests below would be none', () => {
  expect(feeds.length).toBeGreaterThanOrEqual(4)
})

describe.each(feeds)('%s', (_path, { came, late, messages }) => {
  it.each([
    ['came to somebody who stayed', came],
    ['come to somebody who was away', late],
  ])('the events as they %s give what a fresh load gives', (_name, events) => {
    const slug = messages[0]?.room ?? ''
    const { rooms } = inTea()
    const room = { ...teaOf(inTea()), about: { ...tea, slug } }
    const chat = events.reduce(fold, { ...inTea(), rooms: new Map([...rooms, [slug, room]]) })
    const items = chat.rooms.get(slug)?.timeline?.items ?? []
    expect(items.flatMap((item) => (item.kind === 'message' ? [item.message] : []))).toEqual(messages)
  })
})
