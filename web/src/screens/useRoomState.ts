// One room as its screen needs it, out of all that the chat knows.
import { computed } from 'vue'
import type { ComputedRef } from 'vue'
import type { User } from '../api/types'
import type { RoomState } from '../feed/room'
import type { Chat } from '../feed/useChat'
import type { RoomStatus } from '../feed/useHistory'
import { words } from '../i18n'
import type { ShownEntry } from '../outbox/useOutbox'

export interface RoomView {
  state: ComputedRef<RoomState | null>
  status: ComputedRef<RoomStatus>
  entries: ComputedRef<readonly ShownEntry[]>
  me: ComputedRef<User | null>
  /** Nobody has said anything here, and nobody is about to. */
  isEmpty: ComputedRef<boolean>
  /** I was in this closed room, and am not any more. */
  isAway: ComputedRef<boolean>
  /** Why nothing can be written; null where it can. */
  readOnly: ComputedRef<string | null>
  /** The message that was linked to is not there. */
  missed: ComputedRef<boolean>
}

const NONE: readonly ShownEntry[] = []

/** Says whether I was in this closed room, and am not any more. */
export function isAwayFrom(chat: Chat, slug: string): boolean {
  const room = chat.state.value.rooms.get(slug)
  if (!room || room.isMember) return false
  return room.removedBy !== undefined || (room.about.kind === 'closed' && chat.hasRooms.value)
}

export function useRoomState(props: { readonly chat: Chat; readonly room: string; readonly number: number | null }): RoomView {
  const { chat } = props
  const state = computed(() => chat.state.value.rooms.get(props.room) ?? null)
  const status = computed(() => chat.statuses.value.get(props.room) ?? (state.value?.timeline ? 'ready' : 'loading'))
  // The same empty list each time, so that nothing is arranged anew for it.
  const entries = computed(() => {
    const all = chat.outbox.entries.value
    return all.some(({ room }) => room === props.room) ? all.filter(({ room }) => room === props.room) : NONE
  })
  const me = computed(() => chat.state.value.me)

  const messages = computed(() => {
    const items = state.value?.timeline?.items ?? []
    return items.flatMap((item) => (item.kind === 'message' ? [item.message.number] : []))
  })
  const isEmpty = computed(() => {
    const timeline = state.value?.timeline
    if (!timeline || timeline.hasOlder || timeline.hasNewer) return false
    return messages.value.length === 0 && entries.value.length === 0
  })
  const isAway = computed(() => isAwayFrom(chat, props.room))
  const readOnly = computed(() => {
    const { state: known, detail } = chat.session.value
    if (known === 'visitor') return words.readOnly
    return known === 'banned' ? (detail ?? words.banned) : null
  })
  const missed = computed(() => {
    const { number } = props
    return number !== null && status.value === 'ready' && messages.value.length > 0 && !messages.value.includes(number)
  })

  return { state, status, entries, me, isEmpty, isAway, readOnly, missed }
}
