// The target of a link, between its brackets: an address, or a person as in
// `[@Ann](user:17)`.
import { isTarget } from '../linkify'

export type Target = { url: string } | { user: number }

/** Reads a target that begins at a place; returns it and where it ends, if it is one. */
export function readTarget(source: string, from: number): { target: Target; end: number } | undefined {
  let said = ''
  let depth = 0
  for (let at = from; at < source.length; at += 1) {
    let c = source[at]!
    if (c === '\\' && isPunctuation(source[at + 1])) {
      at += 1
      c = source[at]!
    } else if (c === ']' && source[at + 1] === '(') {
      return undefined
    } else if (c === ')') {
      if (depth === 0) {
        const target = understood(said)
        return target && { target, end: at + 1 }
      }
      depth -= 1
    } else if (c === '(') {
      depth += 1
    } else if (/\p{White_Space}/u.test(c)) {
      return undefined
    }
    said += c
  }
  return undefined
}

function understood(said: string): Target | undefined {
  const [, number] = /^user:(\d+)$/.exec(said) ?? []
  if (number !== undefined) {
    const user = Number(number)
    return user > 0 && user < 2 ** 53 ? { user } : undefined
  }
  return isTarget(said) ? { url: said } : undefined
}

/** Writes a target down, so that it is read as the same. */
export function writtenTarget(target: Target): string {
  if ('user' in target) return `user:${target.user}`
  const url = target.url.replace(/\\/g, '\\\\').replace(/\](?=\()/g, '\\]')
  return isBalanced(target.url) ? url : url.replace(/[()]/g, '\\$&')
}

function isBalanced(url: string): boolean {
  let depth = 0
  for (const c of url) {
    if (c === '(') depth += 1
    if (c === ')' && (depth -= 1) < 0) return false
  }
  return depth === 0
}

/** Says whether a character is one that a backslash may stand before. */
export function isPunctuation(c: string | undefined): boolean {
  return c !== undefined && /^[!-/:-@[-`{-~]/.test(c)
}
