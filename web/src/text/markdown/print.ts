// A message as Markdown: what its author gets to change it, or anybody to copy.
//
// Written passage by passage as cells, by the rules of the server's
// `markdown/print.rs`. A character of the text gets a backslash only where it would be
// read as something else beside its neighbours.
import { addressAt } from '../linkify'
import { Cells } from './cells'
import { STYLES } from './layers'
import type { Layers, Link, Passage, Pre, Span } from './layers'
import { writtenTarget } from './target'

export function printLayers(layers: Layers): string {
  const blocks = [...layers.passages, ...layers.pres].sort((one, other) => one.start - other.start)
  return blocks
    .map((block) => {
      const isFence = 'language' in block
      const written = isFence ? fence(layers, block) : new Printer(layers, block).print()
      const isQuoted = isFence ? isWithin(layers.quotes, block.start) : block.isQuoted
      return isQuoted ? written.replace(/^/gm, '> ') : written
    })
    .join('\n')
}

function isWithin(spans: Span[], at: number): boolean {
  return spans.some(({ start, end }) => start <= at && at < end)
}

function fence({ text }: Layers, { start, end, language }: Pre): string {
  const code = text.slice(start, end)
  const ticks = '`'.repeat(Math.max(2, ...runsOfTicks(code)) + 1)
  return `${ticks}${language ?? ''}\n${code}\n${ticks}`
}

function runsOfTicks(code: string): number[] {
  return code.match(/`+/g)?.map(({ length }) => length) ?? []
}

/** Returns code within backticks, another number of them than in any row in it. */
function ticked(code: string): string {
  const taken = runsOfTicks(code)
  let count = 1
  while (taken.includes(count)) count += 1
  const ticks = '`'.repeat(count)
  const isPadded = /^`|`$/.test(code) || (/^ [^]* $/.test(code) && /[^ ]/.test(code))
  return isPadded ? `${ticks} ${code} ${ticks}` : ticks + code + ticks
}

interface Mark extends Span {
  style: number
}

class Printer {
  readonly #layers: Layers
  readonly #passage: Passage
  readonly #marks: Mark[]

  constructor(layers: Layers, passage: Passage) {
    this.#layers = layers
    this.#passage = passage
    this.#marks = STYLES.flatMap((_, style) =>
      layers.styles[style]!.filter(({ start, end }) => start < passage.end && passage.start < end).map((span) => ({ ...span, style })),
    )
  }

  print(): string {
    const { text, links, codes, alls } = this.#layers
    const cells = new Cells()
    const signs = (marks: Mark[]) => marks.forEach(({ style }) => cells.signs(style))
    let link: Link | undefined
    let isBare = false
    for (let at = this.#passage.start; ; ) {
      // What ends here: first what is within the link.
      const ends = this.#marks.filter(({ end }) => end === at).sort((one, other) => other.style - one.style)
      const isInner = ({ start }: Mark) => link !== undefined && start >= link.start
      signs(ends.filter(isInner))
      const outer = ends.filter((mark) => !isInner(mark))
      if (link?.end === at) {
        if (!isBare) cells.sign(`](${writtenTarget(link.target)})`)
        link = undefined
        isBare = false
      }
      signs(outer)
      if (at === this.#passage.end) break
      const coming = links.find(({ start }) => start === at)
      const begins = this.#marks.filter(({ start }) => start === at)
      const isOuter = ({ end }: Mark) => coming === undefined || end >= coming.end
      signs(begins.filter(isOuter))
      if (coming) {
        link = coming
        isBare = this.#isBare(coming)
        if (!isBare) cells.sign('[')
      }
      signs(begins.filter((mark) => !isOuter(mark)))
      const code = codes.find(({ start }) => start === at)
      if (code) {
        cells.sign(ticked(text.slice(code.start, code.end)))
        at = code.end
        continue
      }
      const c = String.fromCodePoint(text.codePointAt(at) ?? 0)
      if (isBare || alls.some(({ start }) => start === at)) cells.sign(c)
      else cells.text(c, link !== undefined)
      at += c.length
    }
    return cells.escaped(this.#passage.isQuoted)
  }

  /** Says whether an address would be found where it stands. */
  #isBare({ start, end, target }: Link): boolean {
    const { text } = this.#layers
    const address = text.slice(start, end)
    if (!('url' in target) || target.url !== address) return false
    const [rest = ''] = /^[^\p{White_Space}\p{Cc}<>"`‘’“”。，、；：！？（）《》〈〉「」『』【】〔〕…]*/u.exec(text.slice(end, this.#passage.end)) ?? []
    const word = end + rest.length
    const before = start > this.#passage.start ? text.charAt(start - 1) : ''
    const areWithin = (from: number, to: number) => this.#opensWithin(from, to) || this.#marks.some((mark) => from <= mark.end && mark.end < to)
    const isAlone =
      !/[a-z0-9]/i.test(before) &&
      !this.#layers.isCode({ start, end: word + 1 }) &&
      !this.#layers.isLinked({ start: end, end: word + 1 }) &&
      !areWithin(start + 1, end) &&
      !areWithin(end + 1, word) &&
      !this.#opensWithin(end, word + 1)
    const tail = /[()[\]{}]/.test(address) ? /^[.,;:!?']*$/ : /^[.,;:!?')\]}]*$/
    const isApart = tail.test(rest) || (/^[\p{Alphabetic}\p{N}.,;!?']*$/u.test(rest) && !areWithin(end, end + 1))
    return (
      isAlone &&
      // A backtick would get a backslash before it, which ends no address.
      (word >= this.#passage.end || text.charAt(word) !== '`') &&
      isApart &&
      !/[*_~|]$/.test(address) &&
      !address.includes('](') &&
      addressAt(address + rest, 0, [])?.address === address
    )
  }

  #opensWithin(from: number, to: number): boolean {
    return this.#marks.some(({ start }) => from <= start && start < to)
  }
}
