// The formatting of a text in layers: lines of quotes and of code, links, code, and
// the styles of each character.
//
// As the server's `markdown/layers.rs` has it, less what only the server meets: what
// it stores is in this form already, and what is typed here is brought to it.
import type { Entity } from '../../api/types'
import { isTarget } from '../linkify'
import { isLanguage } from './blocks'
import { isWord } from './marks'
import type { Target } from './target'

/** The styles: where two cross, the later is cut. */
export const STYLES = ['spoiler', 'bold', 'italic', 'strike'] as const

/** A part of a text, in UTF-16 units. */
export interface Span {
  start: number
  end: number
}

export interface Pre extends Span {
  language: string | undefined
}

export interface Link extends Span {
  target: Target
}

export interface Passage extends Span {
  isQuoted: boolean
}

const WHITE = /^\p{White_Space}/u
const ALL = '@all'

export class Layers {
  readonly text: string
  readonly quotes: Span[]
  readonly pres: Pre[]
  /** Whole lines without code, all quoted or all not. */
  readonly passages: Passage[] = []
  readonly links: Link[] = []
  readonly alls: Span[] = []
  readonly codes: Span[] = []
  /** For each style, where it is: as long as can be, apart. */
  readonly styles: Span[][]

  constructor(text: string, entities: readonly Entity[]) {
    const sorted = [...entities].sort(inOrder)
    const of = (...types: Entity['type'][]) => sorted.filter(({ type }) => types.includes(type))
    this.text = text
    this.quotes = of('quote').map(spanOf)
    this.pres = of('pre').map((entity) => ({
      ...spanOf(entity),
      language: entity.language !== undefined && isLanguage(entity.language) ? entity.language : undefined,
    }))
    this.#cutPassages()
    this.#addLinks(of('link', 'url', 'mention'))
    const codes = this.#marked(of('code').map(spanOf))
    const edges = new Set(this.links.flatMap(({ start, end }) => [start, end]))
    codes.forEach((isCode, at) => {
      if (!isCode || text[at] === '\n') return
      const last = this.codes.at(-1)
      if (last?.end === at && !edges.has(at)) last.end += 1
      else this.codes.push({ start: at, end: at + 1 })
    })
    for (const entity of of('mention_all')) if (this.#isAll(entity.offset)) this.alls.push(spanOf(entity))
    this.styles = STYLES.map((style) => this.#runs(this.#marked(of(style).map(spanOf))))
  }

  /** Finds what calls everybody, but for an `@` at these places. */
  findAll(escaped: ReadonlySet<number>): void {
    for (let at = this.text.indexOf(ALL); at >= 0; at = this.text.indexOf(ALL, at + 1)) {
      if (!escaped.has(at) && this.#isAll(at)) this.alls.push({ start: at, end: at + ALL.length })
    }
  }

  isCode({ start, end }: Span): boolean {
    return this.codes.some((code) => code.start < end && start < code.end)
  }

  isLinked({ start, end }: Span): boolean {
    return this.links.some((link) => link.start < end && start < link.end)
  }

  #isAll(start: number): boolean {
    const span = { start, end: start + ALL.length }
    return (
      this.text.startsWith(ALL, start) &&
      !isWord(this.text.charAt(start - 1)) &&
      !isWord(this.text.charAt(span.end)) &&
      this.passages.some((passage) => passage.start <= start && start < passage.end) &&
      !this.isCode(span) &&
      !this.isLinked(span)
    )
  }

  #cutPassages(): void {
    let pre = 0
    let quote = 0
    for (let at = 0; at <= this.text.length; ) {
      while (pre < this.pres.length && this.pres[pre]!.end < at) pre += 1
      while (quote < this.quotes.length && this.quotes[quote]!.end < at) quote += 1
      const fence = this.pres[pre]
      if (fence && fence.start <= at) {
        at = fence.end + 1
        continue
      }
      const newLine = this.text.indexOf('\n', at)
      const end = newLine < 0 ? this.text.length : newLine
      const isQuoted = (this.quotes[quote]?.start ?? Infinity) <= at
      const last = this.passages.at(-1)
      if (last && last.end + 1 === at && last.isQuoted === isQuoted) last.end = end
      else this.passages.push({ start: at, end, isQuoted })
      at = end + 1
    }
  }

  #addLinks(entities: Entity[]): void {
    let done = 0
    for (const entity of entities) {
      const { start, end } = spanOf(entity)
      const words = this.text.slice(start, end)
      const target: Target = entity.type === 'mention' ? { user: entity.user ?? 0 } : { url: entity.url ?? words }
      if (start < done || ('url' in target && !isTarget(target.url))) continue
      done = end
      for (const passage of this.passages) {
        const part = { start: Math.max(start, passage.start), end: Math.min(end, passage.end), target }
        if (part.start < part.end) this.links.push(part)
      }
    }
  }

  /** Marks the units of these spans that are in passages. */
  #marked(spans: Span[]): boolean[] {
    const marked = Array.from({ length: this.text.length }, () => false)
    for (const { start, end } of spans) marked.fill(true, start, end)
    for (const { start, end } of this.pres) marked.fill(false, start, end)
    return marked
  }

  /** Returns the longest runs, each within a passage, with something that shows at its ends. */
  #runs(marked: boolean[]): Span[] {
    const isCode = Array.from({ length: this.text.length }, () => false)
    for (const { start, end } of this.codes) {
      isCode.fill(true, start, end)
      if (!marked.slice(start, end).every(Boolean)) marked.fill(false, start, end)
    }
    const runs: Span[] = []
    for (const passage of this.passages) {
      let goesOn = false
      for (let at = passage.start; at < passage.end; at += 1) {
        if (marked[at] && (isCode[at] || !WHITE.test(this.text[at]!))) {
          if (goesOn) runs.at(-1)!.end = at + 1
          else runs.push({ start: at, end: at + 1 })
          goesOn = true
        }
        goesOn &&= marked[at] ?? false
      }
    }
    return runs
  }
}

function spanOf({ offset, length }: Entity): Span {
  return { start: offset, end: offset + length }
}

function inOrder(one: Entity, other: Entity): number {
  return one.offset - other.offset || other.length - one.length
}
