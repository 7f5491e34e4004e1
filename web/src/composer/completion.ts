// What is being typed at the caret that could be completed: `@name` or `:name`.
//
// Pure; wordSources asks it with each letter.

export interface Unfinished {
  kind: 'person' | 'emoji'
  /** Without the sign. */
  typed: string
  /** Where the sign is. */
  start: number
}

// A sign within a word is none: addresses of mail and times have them. Scripts without
// spaces begin where Thai does.
const PERSON = /(?:^|[^\p{L}\p{N}@]|[\u0e00-\u{10ffff}])@([^\s@:*`]{0,20})$/u
const EMOJI = /(?:^|[^\p{L}\p{N}:/]|[\u0e00-\u{10ffff}]):([\p{L}\p{N}_+-]{1,30})$/u

/** Returns what is unfinished right before the caret. */
export function unfinishedAt(text: string, caret: number): Unfinished | null {
  const before = text.slice(Math.max(0, caret - 60), caret)
  const person = PERSON.exec(before)?.[1]
  if (person !== undefined) return { kind: 'person', typed: person, start: caret - person.length - 1 }
  const emoji = EMOJI.exec(before)?.[1]
  // One Latin letter is a smile more often than a name: `:D`.
  if (emoji === undefined || (emoji.length < 2 && /[\w+-]/.test(emoji))) return null
  return { kind: 'emoji', typed: emoji, start: caret - emoji.length - 1 }
}
