// Turns a room's timeline and what waits in the outbox into the rows that are shown.
//
// Called by MessageList whenever one of them changes. Pure: groups the messages
// of one person in a row, merges notices, marks the days and where the news
// begins. It formats nothing: words and times belong to the components.
import type { Author, Entity, Message, MessageFile, Quote } from '../api/types'
import type { ShownEntry } from '../outbox/useOutbox'
import { named } from './names'
import type { Names } from './names'
import { deedsByMessage, hasFailed, overlay, withNames } from './overlay'
import { ownRequestId } from './timeline'
import type { Item, MessageItem, NoticeItem, Timeline } from './timeline'

export interface Line {
  /** Stays the same when a pending message becomes a stored one. */
  key: string
  /** Its number in the room; absent while it is in the outbox. */
  number?: number
  /** Null where the message was deleted. */
  text: string | null
  /** Absent where there are none, and while it is in the outbox. */
  entities?: readonly Entity[]
  /** Its marks are not read yet: I changed it, and the server has not told. */
  isTyped?: boolean
  at: string
  /** As it is shown: with what I did to it. Absent while it is in the outbox. */
  message?: Message
  quote?: Quote
  files?: readonly MessageFile[]
  /** Present while the message is in the outbox, which drops it once it is stored. */
  entry?: ShownEntry
  /** My deeds to it that wait, or failed. */
  deeds?: readonly ShownEntry[]
}

export type Row =
  | { kind: 'day'; key: string; at: string }
  | { kind: 'fresh'; key: string }
  | { kind: 'group'; key: string; by: Author | null; isOwn: boolean; lines: Line[] }
  | { kind: 'notices'; key: string; at: string; notices: NoticeItem[] }

/** A message that comes later than this after the last one starts a new group. */
const GROUP_GAP_MS = 5 * 60_000

export interface Arranging {
  timeline: Timeline
  names: Names
  entries: readonly ShownEntry[]
  me: Author | null
  /** Messages of others after this number are news; null where nothing is. */
  freshAfter: number | null
}

/** Returns the rows, oldest first, the outbox's entries last. */
export function arrange({ timeline, names, entries, me, freshAfter }: Arranging): Row[] {
  const rows: Row[] = []
  let day = ''
  let lastAt = 0
  let isFreshMarked = freshAfter === null
  const deeds = deedsByMessage(entries)

  const enterDay = (at: string) => {
    const date = new Date(at).toDateString()
    if (date === day) return
    day = date
    rows.push({ kind: 'day', key: `day ${date}`, at })
  }

  const addLine = (by: Author | null, line: Line) => {
    const time = Date.parse(line.at)
    const row = rows.at(-1)
    const continues = row?.kind === 'group' && row.by?.id === by?.id && time - lastAt < GROUP_GAP_MS
    if (continues) row.lines.push(line)
    else rows.push({ kind: 'group', key: line.key, by, isOwn: by?.id === me?.id && !!me, lines: [line] })
    lastAt = time
  }

  const markFresh = ({ message, by }: MessageItem) => {
    if (isFreshMarked || message.number <= (freshAfter ?? 0) || by?.id === me?.id) return
    isFreshMarked = true
    rows.push({ kind: 'fresh', key: 'fresh' })
  }

  const addNotice = (notice: NoticeItem) => {
    const row = rows.at(-1)
    if (row?.kind === 'notices') row.notices.push(notice)
    else rows.push({ kind: 'notices', key: `notice ${notice.position}`, at: notice.at, notices: [notice] })
  }

  const lineOf = (item: MessageItem): Line => {
    const { message, deeds: told } = overlay(withNames(names, item.message), deeds.get(item.position), me)
    const { deleted, text = null, entities, number, reply_to: quote, files } = message
    const requestId = ownRequestId(item, me)
    const key = requestId === undefined ? `message ${item.position}` : ownKey(requestId)
    const isTyped = deeds.get(item.position)?.some((entry) => entry.deed?.kind === 'edit' && !hasFailed(entry)) ?? false
    return { key, number, text: deleted ? null : text, ...(entities && { entities }), ...(isTyped && { isTyped }), at: item.at, message, ...(quote && { quote }), ...(files && { files }), ...(told.length > 0 && { deeds: told }) }
  }

  for (const item of timeline.items) {
    enterDay(item.at)
    if (item.kind === 'notice') {
      addNotice(withNewestNames(names, item))
    } else {
      markFresh(item)
      addLine(item.by ? named(names, item.by) : null, lineOf(item))
    }
  }
  // Where the timeline does not reach to now, what is being sent stands nowhere.
  for (const entry of timeline.hasNewer ? [] : entries) {
    if (entry.deed) continue
    const at = new Date(entry.at).toISOString()
    enterDay(at)
    const quote = entry.replyTo && { quote: entry.replyTo }
    addLine(me, { key: ownKey(entry.requestId), text: entry.text, at, entry, ...quote })
  }
  return rows
}

function ownKey(requestId: string): string {
  return `own ${requestId}`
}

/** Returns `item` under the names that its people bear now. */
export function withNewestNames<Kind extends Item>(names: Names, item: Kind): Kind {
  const by = item.by && named(names, item.by)
  const member = item.kind === 'notice' && item.member ? named(names, item.member) : undefined
  return { ...item, ...(by && { by }), ...(member && { member }) }
}
