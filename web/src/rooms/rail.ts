// The rooms of the rail: unread ones first, the others by name.
//
// Called by RoomRail. Pure but for the reader's order of letters.
import type { ChatState } from '../feed/fold'
import { holds } from '../text/holds'
import { roomName } from './names'

export interface RailRoom {
  slug: string
  name: string
  isClosed: boolean
  unread: number
  hasMoreUnread: boolean
}

export interface RailRooms {
  unread: RailRoom[]
  others: RailRoom[]
}

/** Returns my rooms and the one that is looked at, as far as their names hold `filter`. */
export function railRooms({ rooms }: ChatState, current: string | null, filter: string): RailRooms {
  const all = [...rooms.entries()].flatMap(([slug, { about, isMember, unread, hasMoreUnread }]) => {
    // A closed room that I am not in any more leads nowhere.
    if (!isMember && (slug !== current || about.kind === 'closed')) return []
    const name = roomName(about)
    return holds(name, filter) || holds(slug, filter) ? [{ slug, name, isClosed: about.kind === 'closed', unread: unread ?? 0, hasMoreUnread }] : []
  })
  all.sort((one, other) => one.name.localeCompare(other.name) || (one.slug < other.slug ? -1 : 1))
  // The one that is looked at stays where it is, whatever comes in.
  const isUnread = ({ slug, unread }: RailRoom) => unread > 0 && slug !== current
  return { unread: all.filter(isUnread), others: all.filter((room) => !isUnread(room)) }
}
