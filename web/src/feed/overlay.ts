// Messages as the reader left them: with what they did and the server has not told yet.
//
// Called by `arrange` and by the pins. Pure. A deed that failed shows the message as
// it is, and says so beside it.
import type { Author, Message } from '../api/types'
import type { ShownEntry } from '../outbox/useOutbox'
import { addReaction, change, edit, erase, pin, removeReaction } from './changes'
import type { Change } from './changes'
import { named } from './names'
import type { Names } from './names'

export interface Overlaid {
  message: Message
  /** Those of my deeds that have something to say: they wait, or failed. */
  deeds: readonly ShownEntry[]
}

const NO_DEEDS: readonly ShownEntry[] = []

/** Returns the deeds among `entries` by the message that they are about. */
export function deedsByMessage(entries: readonly ShownEntry[]): ReadonlyMap<number, readonly ShownEntry[]> {
  const deeds = new Map<number, ShownEntry[]>()
  for (const entry of entries) {
    if (!entry.deed) continue
    const { message } = entry.deed
    deeds.set(message, [...(deeds.get(message) ?? []), entry])
  }
  return deeds
}

export function overlay(message: Message, deeds: readonly ShownEntry[] | undefined, me: Author | null): Overlaid {
  if (!deeds) return { message, deeds: NO_DEEDS }
  const now = deeds.reduce((before, entry) => (hasFailed(entry) ? before : change(before, changeOf(entry, me))), message)
  return { message: now, deeds: deeds.filter(hasWords) }
}

function changeOf({ deed, at }: ShownEntry, me: Author | null): Change {
  switch (deed?.kind) {
    case 'edit':
      return (message) => {
        const { entities: _, ...unmarked } = message
        return edit({ ...unmarked, text: deed.text, edited_at: new Date(at).toISOString() })(message)
      }
    case 'delete':
      return erase
    case 'react':
      return (deed.isOn ? addReaction : removeReaction)(deed.emoji, me ?? undefined)
    case 'pin':
      return pin(deed.isOn)
    case undefined:
      return (message) => message
  }
}

export function hasFailed({ state }: ShownEntry): boolean {
  return state === 'refused' || state === 'asking'
}

/** Others may know of a reaction a little later; of what people read, it is said. */
function hasWords(entry: ShownEntry): boolean {
  const isText = entry.deed?.kind === 'edit' || entry.deed?.kind === 'delete'
  return hasFailed(entry) || (isText && entry.state !== 'stored')
}

/** Returns a message with the people in it under their newest names. */
export function withNames(names: Names, message: Message): Message {
  const { by, reply_to, reactions } = message
  return {
    ...message,
    ...(by && { by: named(names, by) }),
    ...(reply_to?.by && { reply_to: { ...reply_to, by: named(names, reply_to.by) } }),
    ...(reactions && { reactions: reactions.map(({ emoji, by: people }) => ({ emoji, by: people.map((person) => named(names, person)) })) }),
  }
}
