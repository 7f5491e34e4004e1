// The acts of a reader on a message, as the rows of the transcript tell them.
//
// Rows and the menu emit them, up to RoomScreen; `useActs` does them.
import type { Message } from '../api/types'

export type Act =
  | { kind: 'retry' | 'discard' | 'rewrite'; requestId: string }
  | { kind: 'react'; message: Message; emoji: string; isOn: boolean }
  | { kind: 'pin'; message: Message; isOn: boolean }
  | { kind: 'menu'; message: Message; isReacting?: boolean }
  | { kind: 'reply' | 'edit' | 'delete' | 'versions' | 'reactors'; message: Message }
  /** Shows a picture, by its file's id, and those around it. */
  | { kind: 'view'; file: number }
  /** From a message to the one that it answers, by their numbers. */
  | { kind: 'jump'; from: number | undefined; to: number }

/** Says whether somebody answered to `message` with this emoji. */
export function hasReacted({ reactions }: Message, emoji: string, person: number | undefined): boolean {
  return reactions?.some((one) => one.emoji === emoji && one.by.some(({ id }) => id === person)) ?? false
}
