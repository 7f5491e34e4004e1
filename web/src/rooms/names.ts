// How a room is called on the page.

import type { Room } from '../api/types'
import { words } from '../i18n'
import { LOBBY } from '../screens/route'

/** Returns the room's name. The server knows its first room by an English name only, so the page names it. */
export function roomName({ slug, name }: Pick<Room, 'slug' | 'name'>): string {
  return slug === LOBBY && name === 'Lobby' ? words.lobby : name
}
