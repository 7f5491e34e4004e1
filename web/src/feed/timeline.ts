// A window on what was said in a room: messages and notices, oldest first.
//
// `room.ts` keeps one for each room that was looked at, and `arrange` turns it into
// rows. A window has no holes; what lies before and after it can be read from
// the server, so it may be cut at both ends and memory stays flat. All functions
// are pure. Nothing here knows HTTP or Vue.
//
// Copies of one message arrive by events, by history and by the answer to a
// send, in any order. Each copy says as of which position it was true, and the
// newest wins.
import type { Author, Message } from '../api/types'
import { change, quotes, requote } from './changes'
import type { Change } from './changes'

/** `joined` and `left` by themselves, `added` and `removed` by somebody else. */
export type NoticeKind = 'opened' | 'joined' | 'added' | 'left' | 'removed' | 'changed'

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
  /** The one who came or went: the same as `by`, or somebody whom `by` added or removed. */
  member?: Author
}

export type Item = MessageItem | NoticeItem

export interface Timeline {
  /** Sorted by position, each position once. */
  items: readonly Item[]
  /** The newest position that anything came from; 0 before the first. */
  heardUpTo: number
  /** Whether the server has messages older than the first item. */
  hasOlder: boolean
  /** Whether the server has messages newer than the last item. */
  hasNewer: boolean
}

export const EMPTY_TIMELINE: Timeline = { items: [], heardUpTo: 0, hasOlder: false, hasNewer: false }

/**
 * Returns `timeline` with a page of history in its place.
 *
 * History tells messages as they are when it is read. `heardUpTo` is what the
 * page had heard of when it asked: the server knew that much, or more.
 */
export function mergeMessages(timeline: Timeline, messages: readonly Message[], heardUpTo = 0): Timeline {
  const asOf = messages.reduce((newest, { id }) => Math.max(newest, id), heardUpTo)
  return messages.reduce((before, message) => insertItem(before, messageItem(message, asOf)), timeline)
}

/**
 * Returns `timeline` with an item that came by itself, if its place is known.
 *
 * One from beyond either end comes with its page: put in now, it would hide the
 * messages in between, for pages are asked for from the ends.
 */
export function takeItem(timeline: Timeline, item: Item): Timeline {
  const { items, hasOlder, hasNewer } = timeline
  const oldest = items[0]
  const newest = items.at(-1)
  const isOnOlderPage = hasOlder && oldest !== undefined && item.position < oldest.position
  const isOnNewerPage = hasNewer && newest !== undefined && item.position > newest.position
  if (!isOnOlderPage && !isOnNewerPage) return insertItem(timeline, item)
  return { ...timeline, heardUpTo: Math.max(timeline.heardUpTo, item.asOf) }
}

export function messageItem(message: Message, asOf: number): MessageItem {
  const { id, at, by } = message
  return { kind: 'message', position: id, asOf, at, message, ...(by && { by }) }
}

/** Returns `timeline` after something that happened at `position` to the message `id`, if it is here. */
export function changeMessage(timeline: Timeline, position: number, id: number, by: Change): Timeline {
  return changeWhere(timeline, position, (message) => message.id === id, by)
}

/** Returns `timeline` with the quotes of a message as it is since `position`. */
export function changeQuotes(timeline: Timeline, position: number, quoted: Message): Timeline {
  return changeWhere(timeline, position, (message) => quotes(message, quoted), requote(quoted))
}

function changeWhere(timeline: Timeline, position: number, isMeant: (message: Message) => boolean, by: Change): Timeline {
  let hasChanged = false
  const items = timeline.items.map((item) => {
    if (item.kind === 'notice' || item.asOf >= position || !isMeant(item.message)) return item
    hasChanged = true
    return { ...item, asOf: position, message: change(item.message, by) }
  })
  const heardUpTo = Math.max(timeline.heardUpTo, position)
  return { ...timeline, heardUpTo, items: hasChanged ? items : timeline.items }
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

/** Returns `timeline` with `item` in its place, unless a newer copy is there. */
function insertItem(timeline: Timeline, item: Item): Timeline {
  const { items } = timeline
  const heardUpTo = Math.max(timeline.heardUpTo, item.asOf)
  // News comes last nearly always, so the search starts at the end.
  let end = items.length
  while (end > 0 && positionAt(items, end - 1) > item.position) end -= 1
  const known = items[end - 1]
  if (known?.position !== item.position) {
    return { ...timeline, heardUpTo, items: [...items.slice(0, end), item, ...items.slice(end)] }
  }
  if (!isNewer(item, known)) return { ...timeline, heardUpTo }
  return { ...timeline, heardUpTo, items: [...items.slice(0, end - 1), item, ...items.slice(end)] }
}

function positionAt(items: readonly Item[], index: number): number {
  return items[index]?.position ?? 0
}

/** Says whether `copy` is to be shown instead of `known`. A deletion is for ever. */
function isNewer(copy: Item, known: Item): boolean {
  if (isDeleted(copy) || isDeleted(known)) return !isDeleted(known)
  return copy.asOf > known.asOf
}

function isDeleted(item: Item): boolean {
  return item.kind === 'message' && item.message.deleted === true
}

/** Returns `timeline` with its newest `messagesMax` messages, and what lies between them. */
export function cutOldest(timeline: Timeline, messagesMax: number): Timeline {
  const places = messagePlaces(timeline)
  const first = places[places.length - messagesMax]
  if (places.length <= messagesMax || first === undefined) return timeline
  return { ...timeline, items: timeline.items.slice(first), hasOlder: true }
}

/** Returns `timeline` with its oldest `messagesMax` messages, and what lies between them. */
export function cutNewest(timeline: Timeline, messagesMax: number): Timeline {
  const places = messagePlaces(timeline)
  const last = places[messagesMax - 1]
  if (places.length <= messagesMax || last === undefined) return timeline
  return { ...timeline, items: timeline.items.slice(0, last + 1), hasNewer: true }
}

/** Returns where in `items` the messages are. */
function messagePlaces({ items }: Timeline): number[] {
  return items.flatMap(({ kind }, index) => (kind === 'message' ? [index] : []))
}

export function findMessage(timeline: Timeline | null, id: number): Message | undefined {
  const item = timeline?.items.find((other) => other.kind === 'message' && other.position === id)
  return item?.kind === 'message' ? item.message : undefined
}

export function oldestMessage({ items }: Timeline): Message | undefined {
  return items.find((item) => item.kind === 'message')?.message
}

export function newestMessage({ items }: Timeline): Message | undefined {
  for (let index = items.length - 1; index >= 0; index -= 1) {
    const item = items[index]
    if (item?.kind === 'message') return item.message
  }
  return undefined
}
