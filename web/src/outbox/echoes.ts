// Which of my deeds an event tells of.
//
// Called by `useOutbox`, which shows a deed until its event has come. Events of
// deeds carry no request id, but doing a deed twice is the same as once.
import type { RoomEvent } from '../api/types'
import type { Deed, Entry } from '../store/entries'

/** Returns the deed that `event` tells of; null where it tells of none. */
export function deedOf(event: RoomEvent): Deed | null {
  switch (event.type) {
    case 'message_edited':
      return { kind: 'edit', message: event.message.id, text: event.message.text ?? '' }
    case 'message_deleted':
      return { kind: 'delete', message: event.message.id }
    case 'reaction_added':
    case 'reaction_removed':
      return { kind: 'react', message: event.message_id, emoji: event.emoji, isOn: event.type === 'reaction_added' }
    case 'message_pinned':
    case 'message_unpinned':
      return { kind: 'pin', message: event.message_id, isOn: event.type === 'message_pinned' }
    default:
      return null
  }
}

/** Says whether both are about the same thing, so that the later one alone counts. */
export function isAboutSame(one: Deed, other: Deed): boolean {
  if (one.message !== other.message || one.kind !== other.kind) return false
  return one.kind !== 'react' || other.kind !== 'react' || one.emoji === other.emoji
}

/** Says whether `other` does what `one` does. An edit's text may have been read by the server in its own way. */
export function doesSame(one: Deed, other: Deed): boolean {
  return isAboutSame(one, other) && ('isOn' in one && one.isOn) === ('isOn' in other && other.isOn)
}

/** Returns the first entry that `deed` may come from. */
export function findEcho<Known extends Pick<Entry, 'deed' | 'requestId'>>(entries: readonly Known[], deed: Deed): Known | undefined {
  return entries.find((entry) => entry.deed !== undefined && doesSame(entry.deed, deed))
}
