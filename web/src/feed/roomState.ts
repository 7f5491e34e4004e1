// The page's knowledge of a room: its timeline, and the names of its people.
//
// `foldEvent` grows it event by event, `useFeed` fills it from history, and
// `arrange` turns it into rows. All functions are pure: they return a new
// state and leave the old one as it was. Nothing here knows HTTP or Vue.
//
// Copies of one message arrive by events, by history and by the answer to a
// send, in any order. Each copy says as of which position it was true, and the
// newest wins.
import type { Author, Message } from '../api/types'

export type NoticeKind = 'opened' | 'joined' | 'left'

interface ItemFrame {
  /** Its place in the timeline. */
  position: number
  /** The position at which this copy of it was true. */
  asOf: number
  at: string
  by?: Author
}

export interface MessageItem extends ItemFrame {
  kind: 'message'
  message: Message
}

export interface NoticeItem extends ItemFrame {
  kind: 'notice'
  what: NoticeKind
}

export type Item = MessageItem | NoticeItem

export interface RoomState {
  /** Sorted by position, each position once. */
  items: readonly Item[]
  /** The newest position that anything came from; 0 before the first. */
  heardUpTo: number
  /** Whether the server has messages older than the first item. */
  hasOlder: boolean
  /** The newest name heard of each person, and where it was heard. */
  names: Readonly<Record<number, { name: string; position: number }>>
}

export const UNREAD_ROOM: RoomState = { items: [], heardUpTo: 0, hasOlder: false, names: {} }

/**
 * Returns `state` with a page of history in its place.
 *
 * History tells messages as they are when it is read. `heardUpTo` is what the
 * page had heard of when it asked: the server knew that much, or more.
 */
export function mergeMessages(state: RoomState, messages: readonly Message[], heardUpTo = 0): RoomState {
  const asOf = messages.reduce((newest, { id }) => Math.max(newest, id), heardUpTo)
  return messages.reduce((before, message) => insertItem(before, messageItem(message, asOf)), state)
}

/** Returns `state` with a message that came by itself, as in the answer to a send. */
export function takeMessage(state: RoomState, message: Message): RoomState {
  return takeItem(state, messageItem(message, message.id))
}

/**
 * Returns `state` with an item that came by itself, if its place is known.
 *
 * One from before the oldest item comes with its page: put in now, it would
 * hide the messages in between, for older pages are asked for from the oldest.
 */
export function takeItem(state: RoomState, item: Item): RoomState {
  const [oldest] = state.items
  const isOnOlderPage = state.hasOlder && oldest !== undefined && item.position < oldest.position
  return isOnOlderPage ? state : insertItem(state, item)
}

export function messageItem(message: Message, asOf: number): MessageItem {
  const { id, at, by } = message
  return { kind: 'message', position: id, asOf, at, message, ...(by && { by }) }
}

/**
 * Returns the request id of a message that `me` wrote.
 *
 * Others' are left out: a request id is its author's choice, and two people
 * may choose the same.
 */
export function ownRequestId(item: Item, me: Author | null): string | undefined {
  const isOwn = me !== null && item.by?.id === me.id
  return isOwn && item.kind === 'message' ? item.message.request_id : undefined
}

/** Returns `state` with `item` in its place, unless a newer copy is there. */
function insertItem(state: RoomState, item: Item): RoomState {
  const { items } = state
  const heardUpTo = Math.max(state.heardUpTo, item.asOf)
  // News comes last nearly always, so the search starts at the end.
  const before = items.findLastIndex((other) => other.position <= item.position)
  const known = items[before]
  if (known?.position === item.position) {
    return { ...state, heardUpTo, items: isNewer(item, known) ? items.with(before, item) : items }
  }
  const next = { ...state, heardUpTo, items: items.toSpliced(before + 1, 0, item) }
  return learnName(next, item.position, item.by)
}

/** Says whether `copy` is to be shown instead of `known`. A deletion is for ever. */
function isNewer(copy: Item, known: Item): boolean {
  if (isDeleted(copy) || isDeleted(known)) return !isDeleted(known)
  return copy.asOf > known.asOf
}

function isDeleted(item: Item): boolean {
  return item.kind === 'message' && item.message.deleted === true
}

/** Returns `state` knowing that at `position` this author had this name. */
export function learnName(state: RoomState, position: number, by: Author | undefined): RoomState {
  if (!by) return state
  const known = state.names[by.id]
  if (known && known.position >= position) return state
  return { ...state, names: { ...state.names, [by.id]: { name: by.name, position } } }
}

/** Returns `state` with its newest `itemsMax` items; the older ones can be fetched again. */
export function forgetOldest(state: RoomState, itemsMax: number): RoomState {
  if (state.items.length <= itemsMax) return state
  return { ...state, items: state.items.slice(-itemsMax), hasOlder: true }
}

export function newestPosition(state: RoomState): number {
  return state.items.at(-1)?.position ?? 0
}
