// Cuts a text into words and web addresses.
//
// Called for texts without entities, and by what reads Markdown; no HTML is ever
// made. The server follows the same rules (`addresses.rs`); `fixtures/addresses.json`
// tries both. An address that carries a name before an @ is no link:
// `https://bank.example@evil.example` is made to deceive.

export interface TextPart {
  text: string
  /** Present where `text` is a web address. */
  href?: string
}

// An address ends at white space, at quotes, and at Chinese and Japanese
// punctuation, which is written without a space in between.
const CANDIDATE = /(?:https?:\/\/|mailto:)[^\s\p{Cc}<>"`‘’“”。，、；：！？（）《》〈〉「」『』【】〔〕…]*/iuy
const BEGINNING = /(?<![a-z0-9])(?:https?:\/\/|mailto:)/giu
const TARGET_BYTES_MAX = 2048

/** Returns parts that put together give `text` again. */
export function linkify(text: string): TextPart[] {
  const parts: TextPart[] = []
  let end = 0
  let from = 0
  for (const { index } of text.matchAll(BEGINNING)) {
    if (index < from) continue
    const before = text.charAt(index - 1)
    const found = addressAt(text, index, [before])
    if (!found) continue
    from = found.end
    const href = found.address === null ? null : safeHref(found.address)
    if (found.address === null || href === null) continue
    if (index > end) parts.push({ text: text.slice(end, index) })
    parts.push({ text: found.address, href })
    end = index + found.address.length
  }
  if (end < text.length) parts.push({ text: text.slice(end) })
  return parts
}

/**
 * Returns the address that begins at a place, or null for one that leads elsewhere than
 * it seems; and the place up to which there is no other. `signs` at its end belong to a
 * pair around it, as in `*https://example.org*`.
 */
export function addressAt(text: string, at: number, signs: string[]): { address: string | null; end: number } | undefined {
  CANDIDATE.lastIndex = at
  if (/[a-z0-9]/i.test(text.charAt(at - 1))) return undefined
  const [found] = CANDIDATE.exec(text) ?? []
  if (found === undefined) return undefined
  // The words of a link may be an address.
  const [whole = ''] = found.split('](', 1)
  const address = withoutTail(withinHost(whole), signs)
  return { address: isHonest(address) ? address : null, end: at + whole.length }
}

/** Says whether a link may lead there. */
export function isTarget(url: string): boolean {
  return (
    new TextEncoder().encode(url).length <= TARGET_BYTES_MAX &&
    hasScheme(url) &&
    !/[\p{White_Space}\p{Cc}]/u.test(url) &&
    isHonest(url)
  )
}

/** Says whether an address is of a kind that is linked. */
export function hasScheme(url: string): boolean {
  return /^(?:https?:\/\/|mailto:)/i.test(url)
}

/** Drops what was written on without a space behind the host, as in `https://example.com看看`. */
function withinHost(address: string): string {
  const start = address.indexOf('//') + 2
  if (start < 2) return address
  const [host = ''] = address.slice(start).split(/[/?#]/)
  // A last label (or port) that begins in Latin letters ends with them; a whole
  // one in another script is a name of its own.
  const last = Math.max(host.lastIndexOf('.'), host.lastIndexOf(':')) + 1
  const [latin] = /^[a-z0-9-]+(?=[^a-z0-9-])/i.exec(host.slice(last)) ?? []
  return latin === undefined ? address : address.slice(0, start + last + latin.length)
}

/** Drops punctuation that belongs to the sentence, not to the address. */
function withoutTail(address: string, signs: string[]): string {
  const count = (c: string) => address.split(c).length - 1
  // How many brackets are closed without having been opened.
  const unopened = new Map([
    [')', count(')') - count('(')],
    [']', count(']') - count('[')],
    ['}', count('}') - count('{')],
  ])
  let end = address.length
  for (; end > 0; end -= 1) {
    const last = address.charAt(end - 1)
    const surplus = unopened.get(last)
    if (surplus !== undefined) {
      // A bracket that was opened inside stays, as in Wikipedia's addresses.
      if (surplus <= 0) break
      unopened.set(last, surplus - 1)
    } else if (!/[.,;:!?']/.test(last) && !(/[*_~|]/.test(last) && signs.includes(last))) break
  }
  return address.slice(0, end)
}

/** Says whether an address leads where it seems to lead. */
function isHonest(address: string): boolean {
  if (/^mailto:/i.test(address)) return /^mailto:[^@]+@./iu.test(address)
  const [host = ''] = address.slice(address.indexOf(':') + 1).replace(/^\/+/, '').split(/[/?#]/)
  return /^[\p{Alphabetic}\p{N}[]/u.test(host) && !/[@\\]/.test(host)
}

function safeHref(address: string): string | null {
  if (/^mailto:/i.test(address)) return address
  try {
    const { protocol, username, password, href } = new URL(address)
    const isWeb = protocol === 'http:' || protocol === 'https:'
    // A backslash counts as a slash in browsers, and as part of a name elsewhere.
    return isWeb && !username && !password && !address.includes('\\') ? href : null
  } catch {
    return null
  }
}
