// How one event changes what the page knows of a room.
//
// Called by `useFeed` for each event in order, and by tests over the feeds in
// fixtures/feeds. Pure, one case per type of event. It does not fetch: whether
// an event is missing is answered by `leavesHole`, and repaired by the caller.
import type { RoomEvent } from '../api/types'
import { insertItem, learnName, messageItem } from './roomState'
import type { NoticeKind, RoomState } from './roomState'

export function foldEvent(state: RoomState, event: RoomEvent): RoomState {
  if (state.lastNumber !== null && event.number <= state.lastNumber) return state
  const next = { ...state, lastNumber: event.number }

  switch (event.type) {
    case 'message_sent':
      return insertItem(next, messageItem(event.message))
    case 'room_opened':
      return insertNotice(next, event, 'opened')
    case 'member_joined':
      return insertNotice(next, event, 'joined')
    case 'member_left':
      return insertNotice(next, event, 'left')
    case 'user_renamed':
      return learnName(next, event.position, event.by)
    default:
      // A newer server than this page: the event counts, and shows nothing.
      return next
  }
}

/** Says whether events are missing between what is folded in and `event`. */
export function leavesHole(state: RoomState, event: RoomEvent): boolean {
  return state.lastNumber !== null && event.number > state.lastNumber + 1
}

function insertNotice(state: RoomState, event: RoomEvent, what: NoticeKind): RoomState {
  const { position, at, by } = event
  return insertItem(state, { kind: 'notice', position, at, what, ...(by && { by }) })
}
