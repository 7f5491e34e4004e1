// What the page knows of a room: its timeline, and the names of its people.
//
// `foldEvent` grows it event by event, `useFeed` fills it from history, and
// `arrange` turns it into rows. All functions are pure: they return a new
// state and leave the old one as it was. Nothing here knows HTTP or Vue.
import type { Author, Message } from '../api/types'

export type NoticeKind = 'opened' | 'joined' | 'left'

export interface MessageItem {
  kind: 'message'
  position: number
  at: string
  by?: Author
  message: Message
}

export interface NoticeItem {
  kind: 'notice'
  position: number
  at: string
  by?: Author
  what: NoticeKind
}

export type Item = MessageItem | NoticeItem

export interface RoomState {
  /** Sorted by position, each position once. */
  items: readonly Item[]
  /** The number of the newest event folded in; null until the first. */
  lastNumber: number | null
  /** Whether the server has messages older than the first item. */
  hasOlder: boolean
  /** The newest name heard of each person, and where it was heard. */
  names: Readonly<Record<number, { name: string; position: number }>>
}

export const UNREAD_ROOM: RoomState = { items: [], lastNumber: null, hasOlder: false, names: {} }

/** Returns `state` with `messages` in their places; those already there stay. */
export function mergeMessages(state: RoomState, messages: readonly Message[]): RoomState {
  return messages.reduce((before, message) => insertItem(before, messageItem(message)), state)
}

/**
 * Returns `state` with a message that came by itself, if its place is known.
 *
 * One from before the oldest item comes with its page: put in now, it would
 * hide what lies between, for older pages are asked for from the oldest.
 */
export function takeMessage(state: RoomState, message: Message): RoomState {
  const [oldest] = state.items
  const isOnOlderPage = state.hasOlder && oldest !== undefined && message.id < oldest.position
  return isOnOlderPage ? state : mergeMessages(state, [message])
}

export function messageItem(message: Message): MessageItem {
  const { id, at, by } = message
  return { kind: 'message', position: id, at, message, ...(by && { by }) }
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

/**
 * Returns `state` with `item` in its place, unless its position is taken.
 *
 * A deletion takes the place of the text, whichever of the two comes first.
 */
export function insertItem(state: RoomState, item: Item): RoomState {
  const { items } = state
  // News comes last nearly always, so the search starts at the end.
  const before = items.findLastIndex((other) => other.position <= item.position)
  if (items[before]?.position === item.position) {
    return isDeleted(item) ? { ...state, items: items.with(before, item) } : state
  }
  return learnName({ ...state, items: items.toSpliced(before + 1, 0, item) }, item.position, item.by)
}

function isDeleted(item: Item): boolean {
  return item.kind === 'message' && item.message.deleted === true
}

/** Returns `state` knowing that at `position` this author had this name. */
export function learnName(state: RoomState, position: number, by: Author | undefined): RoomState {
  if (!by) return state
  const known = state.names[by.id]
  if (known && (known.position >= position || known.name === by.name)) return state
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
