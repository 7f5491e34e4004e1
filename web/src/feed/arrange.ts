// Turns what is known of a room into the rows that the timeline shows.
//
// Called by Timeline whenever the feed or the outbox changes. Pure: groups
// what one person said in a row, merges joins and leaves, marks the days. It
// formats nothing: words and times belong to the components.
import type { Entry } from '../composables/useOutbox'
import type { Author } from '../api/types'
import type { Item, MessageItem, NoticeItem, RoomState } from './roomState'

export interface Line {
  /** Stays the same when a pending message becomes a stored one. */
  key: string
  text: string
  at: string
  /** Present while the message is in the outbox. */
  entry?: Entry
}

export type Row =
  | { kind: 'day'; key: string; at: string }
  | { kind: 'group'; key: string; by: Author | null; isOwn: boolean; lines: Line[] }
  | { kind: 'notices'; key: string; at: string; notices: NoticeItem[] }

/** What was said later than this after the last message starts a new group. */
const GROUP_GAP_MS = 5 * 60_000

/** Where own messages are, as pairs of outbox entry and stored message. */
export interface Reconciled {
  /** Entries that no stored message stands for yet. */
  pending: Entry[]
  /** Message id to the request id it was sent under, which keeps its key. */
  sentAs: ReadonlyMap<number, string>
}

/**
 * Pairs outbox entries with own messages that the feed brought before the
 * answer to the sending did, so that none is shown twice.
 *
 * An event carries no request id; until the answer settles it, an own message
 * with the same text that is newer than the entry is taken for it.
 */
export function reconcile(
  state: RoomState,
  entries: readonly Entry[],
  settled: ReadonlyMap<number, string>,
  me: Author | null,
): Reconciled {
  const sentAs = new Map(settled)
  const pending = entries.filter((entry) => {
    if (entry.attempts === 0 || !me) return true
    const twin = state.items.find(
      (item) =>
        item.kind === 'message' &&
        item.position > entry.after &&
        item.by?.id === me.id &&
        item.message.text === entry.text &&
        !sentAs.has(item.position),
    )
    if (twin) sentAs.set(twin.position, entry.requestId)
    return !twin
  })
  return { pending, sentAs }
}

/** Returns the rows, oldest first, pending messages last. */
export function arrange(state: RoomState, own: Reconciled, me: Author | null): Row[] {
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
    else addLine(named.by ?? null, messageLine(named, own.sentAs))
  }
  for (const entry of own.pending) {
    addLine(me, { key: entry.requestId, text: entry.text, at: new Date(entry.at).toISOString(), entry })
  }
  return rows
}

function messageLine(item: MessageItem, sentAs: ReadonlyMap<number, string>): Line {
  const key = sentAs.get(item.position) ?? `message ${item.position}`
  return { key, text: item.message.text, at: item.at }
}

/** Returns `item` under the name that its author bears now. */
export function withNewestName<Kind extends Item>(state: RoomState, item: Kind, me: Author | null): Kind {
  if (!item.by) return item
  const { id } = item.by
  const name = id === me?.id ? me.name : (state.names[id]?.name ?? item.by.name)
  return name === item.by.name ? item : { ...item, by: { id, name } }
}
