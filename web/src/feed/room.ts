// One room as the page knows it: the room itself, its timeline, its unread messages.
//
// `fold.ts` grows it event by event, `useChat` fills it from answers. Pure. The
// room's own `last_number` says up to which event it is true, so an event that
// comes twice, or that the answer knew already, changes nothing.
import type { Author, Room, RoomEvent } from '../api/types'
import type { Pins } from './pins'
import type { Timeline } from './timeline'

export interface RoomState {
  about: Room
  isMember: boolean
  /** The number of the event up to which `isMember` is known; what somebody reads of a room does not say it. */
  memberAsOf: number
  /** Somebody else ended my stay. */
  removedBy?: Author
  /** Null until the room is looked at. */
  timeline: Timeline | null
  /** Null until somebody reads what is pinned, and where it has to be read anew. */
  pins: Pins | null
  /** The number up to which this device has shown the room. */
  shownUpTo: number
  /** How many messages of others came after that; null where nobody has counted. */
  unread: number | null
  /** There are more unread messages than were counted. */
  hasMoreUnread: boolean
}

/** Returns the state of a room that an answer told about; without `shownUpTo`, nothing in it is new. */
export function newRoom(about: Room, isMember: boolean, shownUpTo = about.last_number): RoomState {
  const unread = about.last_number > shownUpTo ? null : 0
  const memberAsOf = isMember ? about.last_number : 0
  return { about, isMember, memberAsOf, timeline: null, pins: null, shownUpTo, unread, hasMoreUnread: false }
}

/** Returns `room` as an answer tells it, unless events have told more by now. */
export function refreshRoom(room: RoomState, about: Room, isMember: boolean): RoomState {
  if (about.last_number < room.about.last_number) return room
  const hasMissed = about.last_number > room.about.last_number
  return { ...room, about, isMember, unread: hasMissed && about.last_number > room.shownUpTo ? null : room.unread }
}

/** Returns `room` after the summary part of `event`: how many they are, and its newest number. */
export function advance(room: RoomState, event: RoomEvent, me: Author | null): RoomState {
  const { number } = event
  if (number === undefined || number <= room.about.last_number) return room
  const about = { ...room.about, last_number: number }
  if (event.type === 'member_joined') about.members = event.entered?.members ?? about.members + 1
  if (event.type === 'member_left') about.members = Math.max(0, about.members - 1)
  const isUnread = event.type === 'message_sent' && event.by?.id !== me?.id && number > room.shownUpTo
  const unread = room.unread !== null && isUnread ? room.unread + 1 : room.unread
  return { ...room, about, unread }
}

/** Returns `room` shown up to `number` on this device. It never goes back. */
export function showUpTo(room: RoomState, number: number, me: Author | null): RoomState {
  if (number <= room.shownUpTo) return room
  const shown = { ...room, shownUpTo: number }
  if (number >= room.about.last_number) return { ...shown, unread: 0, hasMoreUnread: false }
  return countUnread(shown, me)
}

/** Returns `room` with its unread messages counted in its timeline, where that reaches to the newest. */
export function countUnread(room: RoomState, me: Author | null): RoomState {
  const { timeline, shownUpTo } = room
  if (!timeline || timeline.hasNewer) return room
  const messages = timeline.items.flatMap((item) => (item.kind === 'message' ? [item.message] : []))
  const unread = messages.filter(({ number, by }) => number > shownUpTo && by?.id !== me?.id)
  const hasMoreUnread = timeline.hasOlder && (messages[0]?.number ?? 0) > shownUpTo + 1
  return { ...room, unread: unread.length, hasMoreUnread }
}
