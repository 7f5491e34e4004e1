// The server's HTML brings along a room with its newest messages, or the open rooms.
//
// They are read before the page is drawn, so that it has at once what the reader sees already.
import type { Message, Room, RoomsPage } from '../api/types'

export interface First {
  room: Room
  messages: Message[]
  /** Whether there are older ones. */
  more: boolean
  /** Whether there are newer ones, as around a message that was linked to. */
  more_after?: boolean
  /** The events after it bring these messages up to date. */
  cursor: string
}

/** Returns what the block `#first` holds; null where there is none. */
export function readFirst(): First | null {
  const first = read<First>('first')
  const isWhole = Array.isArray(first?.messages) && typeof first.cursor === 'string' && typeof first.room?.slug === 'string'
  return isWhole ? first : null
}

/** Takes what the block `#first-rooms` holds, so that it is there once; null where there is none. */
export function takeFirstRooms(): RoomsPage | null {
  const first = read<RoomsPage>('first-rooms')
  document.getElementById('first-rooms')?.remove()
  return Array.isArray(first?.rooms) ? first : null
}

function read<Block>(id: string): Block | null {
  const text = document.getElementById(id)?.textContent
  if (!text) return null
  try {
    return JSON.parse(text) as Block
  } catch {
    return null
  }
}
