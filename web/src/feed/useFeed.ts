// The room as this page knows it: the poller's news, folded into refs.
//
// App owns the one feed of the page. It starts the poller and stops it with its
// scope, wakes it when the browser says so, and fetches older pages when asked.
// It sends nothing.
import { onScopeDispose, ref, shallowRef } from 'vue'
import type { Ref, ShallowRef } from 'vue'
import type { Message, Room } from '../api/types'
import { browser, client } from '../browser'
import { createPoller, HISTORY_PAGE } from '../wire/poller'
import type { Connection } from '../wire/poller'
import { foldEvent } from './foldEvent'
import { forgetOldest, mergeMessages, takeMessage, UNREAD_ROOM } from './roomState'
import type { RoomState } from './roomState'
import { onWake } from '../tabs/wakeups'

export interface Feed {
  room: ShallowRef<Room | null>
  state: ShallowRef<RoomState>
  /** Whether `state` holds the room's history; false until the first answer. */
  hasHistory: Ref<boolean>
  connection: Ref<Connection>
  /** When the server was last heard, in ms since 1970; null before. */
  heardAt: Ref<number | null>
  start(firstCursor?: string): void
  /** Looks for news now: the connection may have died unnoticed. */
  wake(): void
  /** Puts in a message that another answer carried. */
  take(message: Message): void
  /**
   * Fetches the page before the oldest message, and returns what puts it in.
   *
   * In two steps, because the reader scrolls on while it is fetched. Rejects as
   * `fetchHistory` does.
   */
  loadOlder(): Promise<() => void>
  /** Drops the oldest items beyond `itemsMax`. */
  trim(itemsMax: number): void
}

export function useFeed(slug: string, onUnknownCaller: () => void): Feed {
  const room = shallowRef<Room | null>(null)
  const state = shallowRef<RoomState>(UNREAD_ROOM)
  const hasHistory = ref(false)
  const connection = ref<Connection>('connecting')
  const heardAt = ref<number | null>(null)
  /** Taken in since the history was asked for, which may be without them; null when it is here. */
  let taken: Message[] | null = []
  /** How often the history was read; each time it replaces all that was here. */
  let readings = 0

  const { start, wake, stop } = createPoller({
    room: slug,
    client,
    platform: browser,
    listener: {
      onReading: () => (taken = []),
      onHistory({ room: found, messages, more }) {
        const read = mergeMessages({ ...UNREAD_ROOM, hasOlder: more }, messages)
        state.value = (taken ?? []).reduce(takeMessage, read)
        taken = null
        readings += 1
        room.value = found
        hasHistory.value = true
      },
      onEvents: (events) => (state.value = events.reduce(foldEvent, state.value)),
      onConnection: (now) => (connection.value = now),
      onHeard: () => (heardAt.value = Date.now()),
      onUnknownCaller,
    },
  })

  function take(message: Message): void {
    taken?.push(message)
    state.value = takeMessage(state.value, message)
  }

  async function loadOlder(): Promise<() => void> {
    const oldest = state.value.items.find((item) => item.kind === 'message')
    const { heardUpTo } = state.value
    const asked = readings
    const history = await client.fetchHistory(slug, HISTORY_PAGE, oldest && { before: oldest.position })
    return () => {
      // The room may have been read afresh meanwhile, or its oldest items
      // dropped; then this page does not join on to it.
      const isHere = state.value.items.some(({ position }) => position === oldest?.position)
      if (readings !== asked || (oldest && !isHere)) return
      state.value = { ...mergeMessages(state.value, history.messages, heardUpTo), hasOlder: history.more }
    }
  }

  function trim(itemsMax: number): void {
    state.value = forgetOldest(state.value, itemsMax)
  }

  const stopWaking = onWake(wake)
  onScopeDispose(() => {
    stopWaking()
    stop()
  })

  return { room, state, hasHistory, connection, heardAt, start, wake, take, loadOlder, trim }
}
