// A message's text with its entities, as paragraphs, quotes and code, and what is
// in them.
//
// Called by MessageText, which renders it as DOM nodes; no HTML is ever made. The
// server's pages are cut in the same way; `fixtures/entities` tries both. A text
// without entities is an older one, in which addresses are looked for here.
import type { Entity } from '../api/types'
import { linkify } from './linkify'

/** A part of a line: some text, or an entity with what is in it. */
export type Inline = string | { entity: Entity; children: Inline[] }

export type Block =
  | { kind: 'paragraph'; line: Inline[] }
  | { kind: 'quote'; blocks: Block[] }
  | { kind: 'pre'; language: string | undefined; code: string }

/** Returns the blocks of a text, in order. */
export function blocksOf(text: string, entities: readonly Entity[] | undefined): Block[] {
  return new Cutter(text, entities?.length ? entities : addressesIn(text)).blocks()
}

/** Returns the addresses of a text as entities. */
export function addressesIn(text: string): Entity[] {
  const found: Entity[] = []
  let offset = 0
  for (const part of linkify(text)) {
    if (part.href !== undefined) found.push({ type: 'url', offset, length: part.text.length })
    offset += part.text.length
  }
  return found
}

const end = ({ offset, length }: Entity): number => offset + length

class Cutter {
  readonly #text: string
  readonly #quotes: Entity[]
  readonly #pres: Entity[]
  readonly #inline: Entity[]
  /** How many of them have begun. */
  #begun = 0
  /** Those that have not ended. */
  #open: Entity[] = []

  constructor(text: string, entities: readonly Entity[]) {
    const of = (type: string) => entities.filter((entity) => entity.type === type)
    this.#text = text
    this.#quotes = of('quote')
    this.#pres = of('pre')
    this.#inline = entities.filter(({ type }) => type !== 'quote' && type !== 'pre')
  }

  blocks(): Block[] {
    const blocks: Block[] = []
    let quote: Entity | undefined
    let into = blocks
    for (let at = 0; at <= this.#text.length; ) {
      if (quote && at >= end(quote)) quote = undefined
      if (!quote) {
        into = blocks
        if (this.#quotes[0] && this.#quotes[0].offset <= at) {
          quote = this.#quotes.shift()
          into = []
          blocks.push({ kind: 'quote', blocks: into })
        }
      }
      const pre = this.#pres[0]
      if (pre && pre.offset <= at) {
        this.#pres.shift()
        into.push({ kind: 'pre', language: pre.language, code: this.#text.slice(at, end(pre)) })
        at = end(pre) + 1
      } else {
        const newLine = this.#text.indexOf('\n', at)
        const lineEnd = newLine < 0 ? this.#text.length : newLine
        into.push({ kind: 'paragraph', line: this.#line(at, lineEnd) })
        at = lineEnd + 1
      }
    }
    return blocks
  }

  /** Cuts a line; what goes on in the next one begins there anew. */
  #line(start: number, lineEnd: number): Inline[] {
    const line: Inline[] = []
    this.#open = this.#open.filter((entity) => end(entity) > start)
    if (start === lineEnd) return line
    // Where each of the open ones puts its text.
    const into = [line]
    const enter = (entity: Entity) => {
      const children: Inline[] = []
      into.at(-1)?.push({ entity, children })
      into.push(children)
    }
    this.#open.forEach(enter)
    for (let at = start; at < lineEnd; ) {
      for (let next = this.#inline[this.#begun]; next && next.offset <= at; next = this.#inline[this.#begun]) {
        this.#begun += 1
        if (end(next) <= at) continue
        this.#open.push(next)
        enter(next)
      }
      const stop = Math.min(
        lineEnd,
        this.#inline[this.#begun]?.offset ?? lineEnd,
        ...this.#open.slice(-1).map(end),
      )
      if (stop > at) into.at(-1)?.push(this.#text.slice(at, stop))
      at = stop
      while (this.#open.length > 0 && end(this.#open.at(-1)!) <= at) {
        this.#open.pop()
        into.pop()
      }
    }
    return line
  }
}
