// People who were chosen by the completion, and how their names go out.
//
// In the field stands `@Ann`; what is sent is `[@Ann](user:17)`, for names repeat. Code
// is left alone.
import type { Author } from '../api/types'

const CODE = /(```[^]*?```|`[^`\n]*`)/

/** Returns the text with the ids of the people chosen. */
export function withIds(text: string, chosen: readonly Author[]): string {
  if (chosen.length === 0) return text
  const ids = new Map(chosen.map(({ id, name }) => [name, id]))
  const names = [...ids.keys()].sort((one, other) => other.length - one.length).map(escaped)
  const mention = new RegExp(`(?<![\\p{L}\\p{N}[\\\\])@(${names.join('|')})(?![\\p{Alphabetic}\\p{N}])`, 'gu')
  return text
    .split(CODE)
    .map((part, place) => (place % 2 === 1 ? part : part.replace(mention, (_, name: string) => `[@${inMarkdown(name)}](user:${ids.get(name)})`)))
    .join('')
}

function escaped(name: string): string {
  return name.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
}

/** Returns a name in which no sign is a mark. */
function inMarkdown(name: string): string {
  return name.replace(/[\\`*_~|[\]]/g, '\\$&')
}
