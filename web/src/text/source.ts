// The grammar of what people type, fetched when it is wanted: most who read never need it.
//
// Called by the composer, by a message's menu and by messages that are still as they
// were typed. Without the network a text is what it says, marks and all.
import type { Message } from '../api/types'

export type Grammar = typeof import('./markdown')

/** Returns the grammar; null where it cannot be had. */
export function loadGrammar(): Promise<Grammar | null> {
  return import('./markdown').catch(() => null)
}

/** Returns a message as Markdown. */
export async function sourceOf({ text = '', entities }: Message): Promise<string> {
  return (await loadGrammar())?.markdownOfMessage(text, entities) ?? text
}
