// Formatted text from elsewhere, as Markdown.
//
// Called by MessageComposer when somebody pastes; loaded on demand. The HTML is parsed
// into a document of its own, in which nothing runs or loads, and only what a message can
// have is taken from it: the text, and which elements it was in.
import type { Entity } from '../api/types'
import { printMarkdown } from '../text/markdown'
import { Typed } from '../text/markdown/typed'

const TYPES = new Map<string, Entity['type']>([
  ['B', 'bold'],
  ['STRONG', 'bold'],
  ['I', 'italic'],
  ['EM', 'italic'],
  ['S', 'strike'],
  ['DEL', 'strike'],
  ['STRIKE', 'strike'],
  ['CODE', 'code'],
  ['PRE', 'pre'],
  ['BLOCKQUOTE', 'quote'],
  ['A', 'link'],
])
const BLOCKS = /^(?:ADDRESS|ARTICLE|BLOCKQUOTE|DD|DIV|DL|DT|FIGURE|FOOTER|H[1-6]|HEADER|HR|LI|MAIN|OL|P|PRE|SECTION|TABLE|TR|UL)$/
const SILENT = /^(?:HEAD|SCRIPT|STYLE|TEMPLATE|TITLE|NOSCRIPT|SVG|svg)$/

/** Returns some HTML as Markdown. */
export function markdownOf(html: string): string {
  const page = new DOMParser().parseFromString(html, 'text/html')
  const typed = new Typed()
  walk(page.body, typed, false)
  const { text, entities } = typed.trimmed()
  return printMarkdown(text, entities)
}

function walk(node: Node, typed: Typed, isPre: boolean): void {
  if (node.nodeType === Node.TEXT_NODE) return say(node.textContent ?? '', typed, isPre)
  if (!(node instanceof Element) || SILENT.test(node.tagName)) return
  if (node.tagName === 'BR') return typed.say('\n')
  const isBlock = BLOCKS.test(node.tagName)
  if (isBlock) endLine(typed)
  if (node.tagName === 'LI') typed.say('- ')
  const begin = typed.text.length
  for (const child of node.childNodes) walk(child, typed, isPre || node.tagName === 'PRE')
  const type = typeOf(node)
  if (type !== undefined) mark(node, type, begin, typed)
  if (isBlock) endLine(typed)
}

/** Says what is between elements: without white space that only parts them. */
function say(text: string, typed: Typed, isPre: boolean): void {
  if (isPre) return typed.say(text)
  const words = text.replace(/[ \t\r\n\f]+/g, ' ')
  typed.say(/(?:^|[ \n])$/.test(typed.text) ? words.trimStart() : words)
}

function endLine(typed: Typed): void {
  if (typed.text !== '' && !typed.text.endsWith('\n')) typed.say('\n')
}

function typeOf(element: Element): Entity['type'] | undefined {
  // Some editors put everything into one <b> that is not bold.
  const isThin = element.tagName === 'B' && /font-weight:\s*(?:normal|400)/.test(element.getAttribute('style') ?? '')
  return isThin ? undefined : TYPES.get(element.tagName)
}

function mark(element: Element, type: Entity['type'], begin: number, typed: Typed): void {
  if (type === 'link') return typed.mark(begin, type, { url: element.getAttribute('href') ?? '' })
  if (type !== 'pre' && type !== 'quote') return typed.mark(begin, type)
  // These have whole lines, without the end of the last one.
  const length = typed.text.trimEnd().length - begin
  if (length > 0) typed.entities.push({ type, offset: begin, length })
}
