// The pinned messages of a room: read when somebody wants to see it, then kept by events.
//
// `room.ts` keeps it, `fold.ts` changes it. Pure.
import type { Message } from '../api/types'
import { change, quotes, requote } from './changes'
import type { Change } from './changes'

export interface Pins {
  /** The one that was pinned last comes first. */
  messages: readonly Message[]
  /** The position at which they were so. */
  asOf: number
}

/** Returns `pins` after an event about the message `id`; null: they have to be read anew. */
export function changePins(pins: Pins | null, position: number, id: number, by: Change, pinned: Message | undefined): Pins | null {
  if (!pins || position <= pins.asOf) return pins
  const known = pins.messages.find((message) => message.id === id)
  const after = known ? change(known, by) : pinned
  const messages = pins.messages.filter((message) => message !== known)
  if (!after?.pinned) return { messages, asOf: position }
  if (!known) return { messages: [after, ...messages], asOf: position }
  return { messages: pins.messages.map((message) => (message === known ? after : message)), asOf: position }
}

export function requotePins(pins: Pins | null, quoted: Message): Pins | null {
  if (!pins?.messages.some((message) => quotes(message, quoted))) return pins
  const again = requote(quoted)
  return { ...pins, messages: pins.messages.map((message) => (quotes(message, quoted) ? again(message) : message)) }
}
