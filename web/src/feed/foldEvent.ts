// How one event changes what the page knows of a room.
//
// Called by `useFeed` for each event in order, and by tests over the feeds in
// fixtures/feeds. Pure, one case per type of event. It may get an event twice,
// and does not look for missing ones: the poller does, by their numbers.
import type { RoomEvent } from '../api/types'
import { learnName, messageItem, takeItem } from './roomState'
import type { NoticeKind, RoomState } from './roomState'

export function foldEvent(state: RoomState, event: RoomEvent): RoomState {
  const next = { ...state, heardUpTo: Math.max(state.heardUpTo, event.position) }

  switch (event.type) {
    case 'message_sent':
      return takeItem(next, messageItem(event.message, event.position))
    case 'room_opened':
      return takeNotice(next, event, 'opened')
    case 'member_joined':
      return takeNotice(next, event, 'joined')
    case 'member_left':
      return takeNotice(next, event, 'left')
    case 'user_renamed':
      return learnName(next, event.position, event.by)
    default:
      // A newer server than this page: the event shows nothing.
      return next
  }
}

function takeNotice(state: RoomState, event: RoomEvent, what: NoticeKind): RoomState {
  const { position, at, by } = event
  return takeItem(state, { kind: 'notice', position, asOf: position, at, what, ...(by && { by }) })
}
