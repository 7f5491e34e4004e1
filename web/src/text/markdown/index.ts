// Markdown: what people type, as a text with entities, and back.
//
// Loaded on demand: by what shows a message before the server has answered, and by
// what shows a message's Markdown to change or copy it. The server parses what is
// sent; this follows its rules (`crates/linger-http/src/markdown`), and
// `fixtures/entities` tries both. Who a bare `@name` means only the server knows.
import type { Entity } from '../../api/types'
import { blocksIn } from './blocks'
import { Layers } from './layers'
import { readMarks } from './marks'
import { printLayers } from './print'
import { entitiesOf } from './sweep'
import { Typed } from './typed'

export interface Written {
  text: string
  entities: Entity[]
}

/** Reads Markdown. */
export function parseMarkdown(typed: string): Written {
  const reading = new Typed()
  let quote: number | undefined
  blocksIn(withLines(typed).trim()).forEach((block, place) => {
    const endsQuote = quote !== undefined && !block.isQuoted
    if (endsQuote) reading.mark(quote!, 'quote')
    if (endsQuote) quote = undefined
    if (place > 0) reading.say('\n')
    if (block.isQuoted) quote ??= reading.text.length
    const lines = block.lines.join('\n')
    if (block.kind === 'passage') {
      readMarks(lines, reading)
    } else {
      const begin = reading.text.length
      reading.say(lines)
      reading.mark(begin, 'pre', block.language === undefined ? {} : { language: block.language })
    }
  })
  if (quote !== undefined) reading.mark(quote, 'quote')
  const { text, entities, escaped } = reading.trimmed()
  const layers = new Layers(text, entities)
  layers.findAll(escaped)
  return { text, entities: entitiesOf(layers) }
}

/** Writes a message as Markdown, which reads as the same message. */
export function printMarkdown(text: string, entities: readonly Entity[] = []): string {
  return printLayers(new Layers(text, entities))
}

/** Makes each line break a `\n`, and leaves control characters out. */
function withLines(typed: string): string {
  return typed.replace(/\r\n?|[\v\f\u0085\u2028\u2029]/g, '\n').replace(/(?![\n\t])\p{Cc}/gu, '')
}
