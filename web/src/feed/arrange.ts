// Turns the known state of a room into the rows that the timeline shows.
//
// Called by RoomTimeline whenever the feed or the outbox changes. Pure: groups
// the messages of one person in a row, merges joins and leaves, marks the days.
// It formats nothing: words and times belong to the components.
import type { Entry } from '../composables/useOutbox'
import type { Author } from '../api/types'
import { ownRequestId } from './roomState'
import type { Item, MessageItem, NoticeItem, RoomState } from './roomState'

export interface Line {
  /** Stays the same when a pending message becomes a stored one. */
  key: string
  /** Null where the message was deleted. */
  text: string | null
  at: string
  /** Present while the message is in the outbox, which drops it once it is stored. */
  entry?: Entry
}

export type Row =
  | { kind: 'day'; key: string; at: string }
  | { kind: 'group'; key: string; by: Author | null; isOwn: boolean; lines: Line[] }
  | { kind: 'notices'; key: string; at: string; notices: NoticeItem[] }

/** A message that comes later than this after the last one starts a new group. */
const GROUP_GAP_MS = 5 * 60_000

/** Returns the rows, oldest first, the outbox's entries last. */
export function arrange(state: RoomState, entries: readonly Entry[], me: Author | null): Row[] {
  const rows: Row[] = []
  let day = ''
  let lastAt = 0

  const enterDay = (at: string) => {
    const date = new Date(at).toDateString()
    if (date === day) return
    day = date
    rows.push({ kind: 'day', key: `day ${date}`, at })
  }

  const addLine = (by: Author | null, line: Line) => {
    enterDay(line.at)
    const time = Date.parse(line.at)
    const row = rows.at(-1)
    const continues = row?.kind === 'group' && row.by?.id === by?.id && time - lastAt < GROUP_GAP_MS
    if (continues) row.lines.push(line)
    else rows.push({ kind: 'group', key: line.key, by, isOwn: by?.id === me?.id && !!me, lines: [line] })
    lastAt = time
  }

  const addNotice = (notice: NoticeItem) => {
    enterDay(notice.at)
    const row = rows.at(-1)
    if (row?.kind === 'notices') row.notices.push(notice)
    else rows.push({ kind: 'notices', key: `notice ${notice.position}`, at: notice.at, notices: [notice] })
  }

  for (const item of state.items) {
    const named = withNewestName(state, item, me)
    if (named.kind === 'notice') addNotice(named)
    else addLine(named.by ?? null, messageLine(named, me))
  }
  for (const entry of entries) {
    addLine(me, { key: ownKey(entry.requestId), text: entry.text, at: new Date(entry.at).toISOString(), entry })
  }
  return rows
}

function messageLine(item: MessageItem, me: Author | null): Line {
  const requestId = ownRequestId(item, me)
  const key = requestId === undefined ? `message ${item.position}` : ownKey(requestId)
  const { deleted, text = null } = item.message
  return { key, text: deleted ? null : text, at: item.at }
}

function ownKey(requestId: string): string {
  return `own ${requestId}`
}

/** Returns `item` under the name that its author bears now. */
export function withNewestName<Kind extends Item>(state: RoomState, item: Kind, me: Author | null): Kind {
  if (!item.by) return item
  const { id } = item.by
  const name = id === me?.id ? me.name : (state.names[id]?.name ?? item.by.name)
  return name === item.by.name ? item : { ...item, by: { id, name } }
}
