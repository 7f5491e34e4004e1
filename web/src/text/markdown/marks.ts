// Marks within a passage: `**`, `*`, `_`, `~~`, `||`, backticks, links, escapes,
// addresses.
//
// One walk, by the rules of the server's `markdown/marks.rs`: a mark opens before
// something that shows and closes behind something that shows; those of a kind pair by
// themselves; what finds no partner is text.
import type { Entity } from '../../api/types'
import { addressAt } from '../linkify'
import { isPunctuation, readTarget } from './target'
import type { Target } from './target'
import type { Typed } from './typed'

type Kind = 'bold' | 'star' | 'underscore' | 'strike' | 'spoiler'

type Token =
  | { is: 'text'; text: string }
  | { is: 'code'; text: string }
  | { is: 'address'; text: string }
  | { is: 'at' }
  | { is: 'mark'; sign: string; kind: Kind; role: 'plain' | 'opens' | 'closes' }
  | { is: 'bracket'; leads: boolean }
  | { is: 'leads'; target: Target }

interface Pending {
  token: number
  /** How much text there was before it: a pair has something in it. */
  said: number
}

const SIGN: Record<Kind, string> = { bold: '*', star: '*', underscore: '_', strike: '~', spoiler: '|' }
const TYPE: Record<Kind, Entity['type']> = {
  bold: 'bold',
  star: 'italic',
  underscore: 'italic',
  strike: 'strike',
  spoiler: 'spoiler',
}

/** Reads the marks of a passage. */
export function readMarks(source: string, typed: Typed): void {
  const walk = new Walk(source)
  walk.walk()
  say(walk.tokens, typed)
}

class Walk {
  readonly tokens: Token[] = []
  readonly #source: string
  #at = 0
  /** The text from here on is in no token yet. */
  #plainFrom = 0
  #said = 0
  #pending = new Map<Kind, Pending>()
  #brackets: Pending[] = []
  #noAddressBefore = 0

  constructor(source: string) {
    this.#source = source
  }

  walk(): void {
    while (this.#at < this.#source.length) if (!this.#step(this.#source[this.#at]!)) this.#at += 1
    this.#textUntil(this.#at)
  }

  /** Says whether it has gone on by itself. */
  #step(c: string): boolean {
    if (c === '\\') return this.#escape()
    if (c === '`') return this.#code()
    if ('*_~|'.includes(c)) return this.#run(c)
    if (c === '[') return this.#bracket()
    if (c === ']') return this.#close()
    return 'hHmM'.includes(c) && this.#address()
  }

  #textUntil(end: number): void {
    if (end > this.#plainFrom) {
      this.#said += end - this.#plainFrom
      this.tokens.push({ is: 'text', text: this.#source.slice(this.#plainFrom, end) })
    }
    this.#plainFrom = end
  }

  #pass(end: number): true {
    this.#at = end
    this.#plainFrom = end
    return true
  }

  #escape(): boolean {
    const next = this.#source[this.#at + 1]
    if (!isPunctuation(next)) return false
    this.#textUntil(this.#at)
    if (next === '@') {
      this.tokens.push({ is: 'at' })
      this.#said += 1
      return this.#pass(this.#at + 2)
    }
    this.#pass(this.#at + 1)
    this.#at += 1
    return true
  }

  #code(): boolean {
    const count = runLength(this.#source, this.#at)
    const end = partner(this.#source, this.#at + count, count)
    if (end === undefined) {
      this.#at += count
      return true
    }
    this.#textUntil(this.#at)
    const text = unpadded(this.#source.slice(this.#at + count, end))
    this.#said += text.length
    this.tokens.push({ is: 'code', text })
    return this.#pass(end + count)
  }

  #run(sign: string): true {
    const count = runLength(this.#source, this.#at)
    const before = charBefore(this.#source, this.#at)
    const after = charAt(this.#source, this.#at + count)
    const opens = shows(after)
    const closes = shows(before)
    if (sign === '_' && count === 1) {
      // Within a word it is a part of the word, as in `snake_case`.
      this.#mark('underscore', 1, opens && !isWord(before), closes && !isWord(after))
    } else if (sign === '~' && count === 2) this.#mark('strike', 2, opens, closes)
    else if (sign === '|' && count === 2) this.#mark('spoiler', 2, opens, closes)
    else if (sign === '*' && count === 1) this.#mark('star', 1, opens, closes)
    else if (sign === '*' && count === 2) this.#mark('bold', 2, opens, closes)
    else if (sign === '*' && count === 3) {
      // The inner one is at the inner side, should the other find no partner.
      const boldFirst = closes && this.#pending.has('bold')
      if (boldFirst) this.#mark('bold', 2, opens, closes)
      this.#mark('star', 1, opens, closes)
      if (!boldFirst) this.#mark('bold', 2, opens, closes)
    } else this.#at += count
    return true
  }

  #mark(kind: Kind, length: number, opens: boolean, closes: boolean): void {
    this.#textUntil(this.#at)
    const pending = this.#pending.get(kind)
    const isPair = pending !== undefined && closes && this.#said > pending.said
    if (isPair) {
      this.#pending.delete(kind)
      const partnerToken = this.tokens[pending.token]
      if (partnerToken?.is === 'mark') partnerToken.role = 'opens'
    } else if (opens) {
      this.#pending.set(kind, { token: this.tokens.length, said: this.#said })
    }
    const sign = this.#source.slice(this.#at, this.#at + length)
    this.tokens.push({ is: 'mark', sign, kind, role: isPair ? 'closes' : 'plain' })
    this.#pass(this.#at + length)
  }

  #bracket(): true {
    this.#textUntil(this.#at)
    this.#said += 1
    this.#brackets.push({ token: this.tokens.length, said: this.#said })
    this.tokens.push({ is: 'bracket', leads: false })
    return this.#pass(this.#at + 1)
  }

  #close(): boolean {
    const opened = this.#brackets.pop()
    if (!opened || this.#source[this.#at + 1] !== '(') return false
    this.#textUntil(this.#at)
    if (this.#said === opened.said) return false
    const read = readTarget(this.#source, this.#at + 2)
    if (!read) return false
    const bracket = this.tokens[opened.token]
    if (bracket?.is === 'bracket') bracket.leads = true
    this.tokens.push({ is: 'leads', target: read.target })
    // A link has no other around it.
    this.#brackets = []
    return this.#pass(read.end)
  }

  #address(): boolean {
    if (this.#at < this.#noAddressBefore) return false
    const signs = [...this.#pending.keys()].map((kind) => SIGN[kind])
    const found = addressAt(this.#source, this.#at, signs)
    if (!found) return false
    if (found.address === null) {
      this.#noAddressBefore = found.end
      return false
    }
    this.#textUntil(this.#at)
    this.#said += found.address.length
    this.tokens.push({ is: 'address', text: found.address })
    return this.#pass(this.#at + found.address.length)
  }
}

/** Returns the whole character before a place. */
function charBefore(source: string, at: number): string {
  return [...source.slice(Math.max(0, at - 2), at)].at(-1) ?? ''
}

function charAt(source: string, at: number): string {
  const code = source.codePointAt(at)
  return code === undefined ? '' : String.fromCodePoint(code)
}

function runLength(source: string, at: number): number {
  let end = at
  while (source[end] === source[at]) end += 1
  return end - at
}

function shows(c: string): boolean {
  return c !== '' && !/^\p{White_Space}/u.test(c)
}

/** Says whether a character belongs to a word of a script that has spaces between words. */
export function isWord(c: string): boolean {
  return c !== '' && c < '\u0e00' && /^[\p{Alphabetic}\p{N}]/u.test(c)
}

/** Returns where the next run of backticks of this length is on the same line. */
function partner(source: string, from: number, count: number): number | undefined {
  for (let at = from; at < source.length && source[at] !== '\n'; at += 1) {
    if (source[at] !== '`') continue
    const length = runLength(source, at)
    if (length === count) return at
    at += length - 1
  }
  return undefined
}

/** Drops the space at both ends, which is there to keep backticks apart. */
function unpadded(code: string): string {
  return code.startsWith(' ') && code.endsWith(' ') && /[^ ]/.test(code) ? code.slice(1, -1) : code
}

/** Writes down what the tokens say. */
function say(tokens: Token[], typed: Typed): void {
  const opened = new Map<Kind, number>()
  let link = 0
  for (const token of tokens) {
    const begin = typed.text.length
    if (token.is === 'mark') {
      if (token.role === 'plain') typed.say(token.sign)
      else if (token.role === 'opens') opened.set(token.kind, begin)
      else typed.mark(opened.get(token.kind) ?? begin, TYPE[token.kind])
    } else if (token.is === 'text') typed.say(token.text)
    else if (token.is === 'at') {
      typed.escaped.add(begin)
      typed.say('@')
    } else if (token.is === 'code' || token.is === 'address') {
      typed.say(token.text)
      typed.mark(begin, token.is === 'code' ? 'code' : 'url')
    } else if (token.is === 'bracket') {
      if (token.leads) link = begin
      else typed.say('[')
    } else typed.mark(link, 'url' in token.target ? 'link' : 'mention', token.target)
  }
}
