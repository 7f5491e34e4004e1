// Cuts a message's text into words and web addresses.
//
// Called by MessageText, which renders the parts as DOM nodes; no HTML is ever
// made. Only http and https are links, and an address that carries a name
// before an @ is not: `https://bank.example@evil.example` is made to deceive.

export interface TextPart {
  text: string
  /** Present where `text` is a web address. */
  href?: string
}

// An address ends at white space, at quotes, and at Chinese and Japanese
// punctuation, which is written without a space in between.
const ADDRESS = /\bhttps?:\/\/[^\s<>"`‘’“”。，、；：！？（）《》〈〉「」『』【】〔〕…]+/giu
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
    const address = withoutTail(match[0])
    const href = safeHref(address)
    if (href === null) continue
    if (match.index > end) parts.push({ text: text.slice(end, match.index) })
    parts.push({ text: address, href })
    end = match.index + address.length
  }
  if (end < text.length) parts.push({ text: text.slice(end) })
  return parts
}

/** Drops punctuation that belongs to the sentence, not to the address. */
function withoutTail(address: string): string {
  let end = address.length
  for (; end > 0; end -= 1) {
    const last = address.charAt(end - 1)
    const opening = CLOSING.get(last)
    if (opening !== undefined) {
      const head = address.slice(0, end)
      // A bracket that was opened inside stays, as in Wikipedia's addresses.
      if (head.split(last).length <= head.split(opening).length) break
    } else if (!/[.,;:!?'*_~]/.test(last)) break
  }
  return address.slice(0, end)
}

function safeHref(address: string): string | null {
  if (!URL.canParse(address)) return null
  const { protocol, username, password, href } = new URL(address)
  const isWeb = protocol === 'http:' || protocol === 'https:'
  return isWeb && !username && !password ? href : null
}
