// How a message changes after it was sent: edited, deleted, answered by emoji, pinned.
//
// Called by `fold` for what happened, and by `overlay` for what the reader did and
// the server has not told yet. Pure. Doing a thing twice is the same as once.
import type { Author, Message, Quote, Reaction } from '../api/types'

/** As many characters as the server quotes. */
const QUOTE_CHARACTERS_MAX = 120

export type Change = (message: Message) => Message

/** Gives a message the text of `edited`; what others did to it stays. */
export function edit(edited: Message): Change {
  if (edited.deleted) return erase
  return (message) => {
    const { reactions, pinned } = message
    return { ...edited, ...(reactions && { reactions }), ...(pinned && { pinned }) }
  }
}

/** Leaves of a message that it was there. */
export function erase({ id, room, number, at, by, request_id }: Message): Message {
  return { id, room, number, at, ...(by && { by }), ...(request_id !== undefined && { request_id }), deleted: true }
}

/** Nobody stands for the server, which answers to nothing. */
export function addReaction(emoji: string, person: Author | undefined): Change {
  return (message) => {
    if (!person) return message
    const reactions = message.reactions ?? []
    const known = reactions.find((reaction) => reaction.emoji === emoji)
    if (known?.by.some(({ id }) => id === person.id)) return message
    if (!known) return withReactions(message, [...reactions, { emoji, by: [person] }])
    return withReactions(message, reactions.map((other) => (other === known ? { emoji, by: [...known.by, person] } : other)))
  }
}

export function removeReaction(emoji: string, person: Author | undefined): Change {
  return (message) => {
    const left = (message.reactions ?? []).flatMap((reaction): Reaction[] => {
      if (reaction.emoji !== emoji) return [reaction]
      const by = reaction.by.filter(({ id }) => id !== person?.id)
      return by.length === 0 ? [] : [{ emoji, by }]
    })
    return withReactions(message, left)
  }
}

export function pin(isOn: boolean): Change {
  return (message) => {
    const { pinned: _, ...rest } = message
    return isOn ? { ...rest, pinned: true } : rest
  }
}

/** Nothing is done to a deleted message any more. */
export function change(message: Message, by: Change): Message {
  return message.deleted ? message : by(message)
}

export function quoteOf({ id, number, by, text, deleted }: Message): Quote {
  const first = [...(text ?? '')].slice(0, QUOTE_CHARACTERS_MAX).join('')
  return { id, number, ...(by && { by }), ...(deleted ? { deleted } : { text: first }) }
}

/** Says whether `message` quotes `quoted`. One from before my stay is quoted by its id alone, for ever. */
export function quotes({ reply_to }: Message, quoted: Message): boolean {
  return reply_to?.id === quoted.id && reply_to.number !== undefined
}

/** Gives a message that quotes `quoted` the quote as it is now. */
export function requote(quoted: Message): Change {
  return (message) => ({ ...message, reply_to: quoteOf(quoted) })
}

function withReactions(message: Message, reactions: Reaction[]): Message {
  const { reactions: _, ...rest } = message
  return reactions.length === 0 ? rest : { ...rest, reactions }
}
