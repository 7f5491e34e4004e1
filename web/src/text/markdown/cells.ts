// Cells: the characters of a passage of Markdown, each a part of the text or of a mark.
//
// Decides which parts of the text need a backslash, as the server's
// `markdown/print/cells.rs` does.
import { isWord } from './marks'
import { isPunctuation } from './target'

/** The signs of the styles, in the order of `STYLES`. */
const SIGNS = ['||', '**', '*', '~~']

interface Cell {
  c: string
  isText: boolean
  /** It stands between the brackets of a link. */
  isLinked: boolean
}

export class Cells {
  readonly #cells: Cell[] = []

  /** Adds something that is to be read as it stands. */
  sign(sign: string): void {
    for (const c of sign) this.#cells.push({ c, isText: false, isLinked: false })
  }

  /** Adds the sign of a style. */
  signs(style: number): void {
    this.sign(SIGNS[style] ?? '')
  }

  /** Adds a character of the text. */
  text(c: string, isLinked: boolean): void {
    this.#cells.push({ c, isText: true, isLinked })
  }

  /** Returns them, with a backslash before what would be read as a mark. */
  escaped(isQuoted: boolean): string {
    let written = ''
    let start = 0
    let end = 0
    this.#cells.forEach(({ c, isText }, at) => {
      if (at >= end) {
        start = at
        end = this.#endOfRun(at)
      }
      if (isText && this.#isMark(at, start, end, isQuoted)) written += '\\'
      written += c
    })
    return written
  }

  #isMark(at: number, start: number, end: number, isQuoted: boolean): boolean {
    const before = this.#at(start - 1)
    const after = this.#at(end)
    const next = this.#at(at + 1)
    const { c, isLinked } = this.#cells[at]!
    const isLone = () => this.#cells.slice(start, end).every(({ isText }) => isText)
    const standsBy = shows(before) || shows(after)
    switch (c) {
      case '\\':
        return isPunctuation(next)
      case '`':
        return true
      case '*':
        return !isLone() || (end - start <= 3 && standsBy)
      case '~':
      case '|':
        // Without its first, a row is no pair.
        return !isLone() || (end - start === 2 && at === start && standsBy)
      case '_':
        return end - start === 1 && ((shows(after) && !isWord(before)) || (shows(before) && !isWord(after)))
      case '[':
        return isLinked
      case ']':
        return isLinked || next === '('
      case '@':
        return !isLinked && shows(next) && !isWord(this.#at(at - 1))
      case ':':
        return this.#endsScheme(at)
      case '>':
        return !isQuoted && /^\n?$/.test(this.#at(at - 1)) && /^[ \n]?$/.test(next)
      default:
        return false
    }
  }

  /** Says whether a colon ends a scheme, so that an address would be looked for. */
  #endsScheme(at: number): boolean {
    const around = (from: number, to: number) => this.#cells.slice(Math.max(0, from), to).map(({ c }) => c).join('')
    const before = around(at - 7, at)
    return /(?<![a-z0-9])mailto$/i.test(before) || (around(at, at + 3) === '://' && /(?<![a-z0-9])https?$/i.test(before))
  }

  #at(at: number): string {
    return this.#cells[at]?.c ?? ''
  }

  #endOfRun(at: number): number {
    const sign = this.#at(at)
    if (!'*_~|'.includes(sign)) return at + 1
    let end = at
    while (this.#at(end) === sign) end += 1
    return end
  }
}

function shows(c: string): boolean {
  return c !== '' && !/^\p{White_Space}/u.test(c)
}
