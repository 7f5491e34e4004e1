// Cuts a message's text into words and web addresses.
//
// Called by MessageText, which renders the parts as DOM nodes; no HTML is ever
// made. The server's pages follow the same rules; `fixtures/addresses.json`
// tries both. An address that carries a name before an @ is no link:
// `https://bank.example@evil.example` is made to deceive.

export interface TextPart {
  text: string
  /** Present where `text` is a web address. */
  href?: string
}

// An address ends at white space, at quotes, and at Chinese and Japanese
// punctuation, which is written without a space in between.
const ADDRESS = /(?<![a-z0-9])(?:https?:\/\/|mailto:)[^\s\p{Cc}<>"`‘’“”。，、；：！？（）《》〈〉「」『』【】〔〕…]+/giu
const CLOSING = new Map([
  [')', '('],
  [']', '['],
  ['}', '{'],
])

/** Returns parts that put together give `text` again. */
export function linkify(text: string): TextPart[] {
  const parts: TextPart[] = []
  let end = 0
  for (const match of text.matchAll(ADDRESS)) {
    const before = text.charAt(match.index - 1)
    const address = withoutTail(withinHost(match[0]), before)
    const href = safeHref(address)
    if (href === null) continue
    if (match.index > end) parts.push({ text: text.slice(end, match.index) })
    parts.push({ text: address, href })
    end = match.index + address.length
  }
  if (end < text.length) parts.push({ text: text.slice(end) })
  return parts
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
function withoutTail(address: string, before: string): string {
  let end = address.length
  for (; end > 0; end -= 1) {
    const last = address.charAt(end - 1)
    const opening = CLOSING.get(last)
    if (opening !== undefined) {
      const head = address.slice(0, end)
      // A bracket that was opened inside stays, as in Wikipedia's addresses.
      if (head.split(last).length <= head.split(opening).length) break
    } else if (!/[.,;:!?']/.test(last) && !isEmphasis(last, before)) break
  }
  return address.slice(0, end)
}

/** Says whether a sign belongs to both ends of an address, as in `*https://example.org*`. */
function isEmphasis(last: string, before: string): boolean {
  return last === before && /[*_~]/.test(last)
}

function safeHref(address: string): string | null {
  if (/^mailto:/i.test(address)) return /^mailto:[^@]+@./i.test(address) ? address : null
  try {
    const { protocol, username, password, href } = new URL(address)
    const isWeb = protocol === 'http:' || protocol === 'https:'
    // A backslash counts as a slash in browsers, and as part of a name elsewhere.
    return isWeb && !username && !password && !address.includes('\\') ? href : null
  } catch {
    return null
  }
}
