// The room that the server's HTML brought along, with its newest messages.
//
// Read once by main.ts, before the page is drawn.
import type { Message, Room } from '../api/types'

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
  const text = document.getElementById('first')?.textContent
  if (!text) return null
  try {
    const first = JSON.parse(text) as First
    const isWhole = Array.isArray(first.messages) && typeof first.cursor === 'string' && typeof first.room?.slug === 'string'
    return isWhole ? first : null
  } catch {
    return null
  }
}
