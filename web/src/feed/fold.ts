// How one event changes what the page knows of all its rooms.
//
// Called by `useChat` for each event in order, and by tests over the feeds in
// fixtures/feeds. Pure, one case per type of event. It may get an event twice,
// and does not look for missing ones: the engine does, by their numbers.
import type { Author, Message, Room, RoomEvent, RoomThen, User } from '../api/types'
import { addReaction, edit, erase, pin, removeReaction } from './changes'
import type { Change } from './changes'
import { learnName, NO_NAMES } from './names'
import type { Names } from './names'
import { changePins, requotePins } from './pins'
import { advance, newRoom, refreshRoom } from './room'
import type { RoomState } from './room'
import { changeMessage, changeQuotes, findMessage, messageItem, takeItem } from './timeline'
import type { NoticeKind } from './timeline'

export interface ChatState {
  /** Null for a visitor, and before the answer. */
  me: User | null
  /** By slug: those that I am in, and those that I have looked at. */
  rooms: ReadonlyMap<string, RoomState>
  names: Names
}

export const EMPTY_CHAT: ChatState = { me: null, rooms: new Map(), names: NO_NAMES }

export function fold(chat: ChatState, event: RoomEvent): ChatState {
  switch (event.type) {
    case 'message_sent':
      return foldMessage(chat, event, event.message)
    case 'room_opened':
      return foldNotice(enter(chat, event, event.by, event.opened), event, 'opened', event.by)
    case 'member_joined':
      return foldNotice(enter(chat, event, event.member ?? event.by, event.entered), event, isBySelf(event) ? 'joined' : 'added', event.member ?? event.by)
    case 'member_left':
      return foldNotice(leave(chat, event), event, isBySelf(event) ? 'left' : 'removed', event.member ?? event.by)
    case 'user_renamed':
      return rename(chat, event)
    case 'message_edited':
      return foldChange(chat, event, event.message.id, edit(event.message), event.message)
    case 'message_deleted':
      return foldChange(chat, event, event.message.id, erase, event.message)
    case 'reaction_added':
      return foldChange(chat, event, event.message_id, addReaction(event.emoji, event.by))
    case 'reaction_removed':
      return foldChange(chat, event, event.message_id, removeReaction(event.emoji, event.by))
    case 'message_pinned':
      return foldChange(chat, event, event.message_id, pin(true))
    case 'message_unpinned':
      return foldChange(chat, event, event.message_id, pin(false))
    case 'room_changed':
      return foldNotice(changeRoom(chat, event), event, 'changed', event.by)
    default:
      // A newer server than this page: the event counts, and shows nothing.
      return inRoom(chat, event, (room) => room)
  }
}

function foldMessage(chat: ChatState, event: RoomEvent, message: Message): ChatState {
  const names = learnName(chat.names, event.position, event.by)
  return inRoom({ ...chat, names }, event, (room) => {
    if (!room.timeline) return room
    return { ...room, timeline: takeItem(room.timeline, messageItem(message, event.position)) }
  })
}

/** Something happened to a message that was sent before. `as`: the message since then, if the event tells it. */
function foldChange(chat: ChatState, event: RoomEvent, id: number, by: Change, as?: Message): ChatState {
  const { position } = event
  const names = learnName(chat.names, position, event.by)
  return inRoom({ ...chat, names }, event, (room) => {
    let { timeline } = room
    if (timeline) timeline = changeMessage(timeline, position, id, by)
    if (timeline && as) timeline = changeQuotes(timeline, position, as)
    const isPinning = event.type === 'message_pinned'
    const pinned = isPinning ? findMessage(timeline, id) : undefined
    const isUnknown = isPinning && !pinned && room.pins !== null && position > room.pins.asOf
    const pins = isUnknown ? null : changePins(room.pins, position, id, by, pinned)
    return { ...room, timeline, pins: as ? requotePins(pins, as) : pins }
  })
}

function changeRoom(chat: ChatState, event: RoomEvent & { type: 'room_changed' }): ChatState {
  const { room: slug, number = 0, changed } = event
  const known = slug === undefined ? undefined : chat.rooms.get(slug)
  if (slug === undefined || !known || number <= known.about.last_number) return chat
  const { name, topic } = changed
  return withRoom(chat, slug, { ...known, about: { ...known.about, name, topic } })
}

function foldNotice(chat: ChatState, event: RoomEvent, what: NoticeKind, member: Author | undefined): ChatState {
  const { position, at, by } = event
  const names = learnName(learnName(chat.names, position, by), position, member)
  return inRoom({ ...chat, names }, event, (room) => {
    if (!room.timeline) return room
    const people = { ...(by && { by }), ...(member && { member }) }
    return { ...room, timeline: takeItem(room.timeline, { kind: 'notice', position, asOf: position, at, what, ...people }) }
  })
}

/** Returns `chat` with the room that I opened or was brought into; an event about others changes no membership. */
function enter(chat: ChatState, event: RoomEvent, who: Author | undefined, entered: RoomThen | undefined): ChatState {
  const { room: slug, number = 0 } = event
  if (slug === undefined || !isMe(chat, who)) return chat
  const known = chat.rooms.get(slug)
  if (known && number <= known.memberAsOf) return chat
  if (known) {
    const { removedBy: _, ...stayed } = known
    return withRoom(chat, slug, { ...stayed, isMember: true, memberAsOf: number })
  }
  // Without `entered` the room comes with the next list of rooms.
  if (!entered) return chat
  return withRoom(chat, slug, newRoom({ ...entered, slug, last_number: number }, true))
}

function leave(chat: ChatState, event: RoomEvent & { type: 'member_left' }): ChatState {
  const { room: slug, number = 0, by } = event
  const known = slug === undefined ? undefined : chat.rooms.get(slug)
  if (slug === undefined || !known || !isMe(chat, event.member ?? event.by)) return chat
  if (number <= known.memberAsOf) return chat
  const removed = by && !isMe(chat, by) ? { removedBy: by } : {}
  return withRoom(chat, slug, { ...known, ...removed, isMember: false, memberAsOf: number })
}

function rename(chat: ChatState, { position, by }: RoomEvent): ChatState {
  const names = learnName(chat.names, position, by)
  const me = chat.me && by && isMe(chat, by) ? { ...chat.me, name: by.name } : chat.me
  return { ...chat, names, me }
}

function isMe({ me }: ChatState, person: Author | undefined): boolean {
  return me !== null && person?.id === me.id
}

function isBySelf(event: RoomEvent & { member?: Author }): boolean {
  return event.member === undefined || event.member.id === event.by?.id
}

/** Changes the event's room by `change`, then by the event's number; a room that nobody asked for is passed over. */
function inRoom(chat: ChatState, event: RoomEvent, change: (room: RoomState) => RoomState): ChatState {
  const room = event.room === undefined ? undefined : chat.rooms.get(event.room)
  if (!room || event.room === undefined) return chat
  return withRoom(chat, event.room, advance(change(room), event, chat.me))
}

export function withRoom(chat: ChatState, slug: string, room: RoomState): ChatState {
  return { ...chat, rooms: new Map(chat.rooms).set(slug, room) }
}

/** Returns `chat` with the rooms that an answer says are mine; `shownUpTo` tells what was shown of each. */
export function withMyRooms(chat: ChatState, mine: readonly Room[], shownUpTo: (slug: string) => number | undefined): ChatState {
  const slugs = new Set(mine.map(({ slug }) => slug))
  const rooms = new Map(chat.rooms)
  for (const [slug, room] of rooms) if (!slugs.has(slug) && room.isMember) rooms.set(slug, { ...room, isMember: false })
  for (const about of mine) {
    const { slug } = about
    const known = rooms.get(slug)
    const memberAsOf = Math.max(known?.memberAsOf ?? 0, about.last_number)
    rooms.set(slug, known ? refreshRoom({ ...known, isMember: true, memberAsOf }, about, true) : newRoom(about, true, shownUpTo(slug)))
  }
  return { ...chat, rooms }
}
