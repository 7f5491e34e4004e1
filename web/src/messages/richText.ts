// Blocks of a message as DOM nodes.
//
// Called by MessageText. The same markup as the server's pages have (`rich.rs`), so
// that nothing moves when the script takes over; `fixtures/entities` has it for both.
// A spoiler is a checkbox with a label: it opens without script, too.
import { h } from 'vue'
import type { VNode, VNodeArrayChildren } from 'vue'
import { words } from '../i18n'
import type { Block, Inline } from '../text/entities'
import { hasScheme } from '../text/linkify'
import CodeBlock from './CodeBlock.vue'

/** Renders blocks; the mentions of `reader` stand out. */
export function renderBlocks(blocks: readonly Block[], reader: number | undefined): VNode[] {
  return blocks.map((block) => {
    if (block.kind === 'quote') return h('blockquote', renderBlocks(block.blocks, reader))
    if (block.kind === 'pre') return h(CodeBlock, { code: block.code, language: block.language })
    // An empty line keeps its height.
    const children = block.line.length === 0 ? [h('br')] : renderLine(block.line, reader)
    return h('p', { dir: 'auto' }, children)
  })
}

function renderLine(line: readonly Inline[], reader: number | undefined): VNodeArrayChildren {
  return line.map((inline) => (typeof inline === 'string' ? inline : renderPart(inline, reader)))
}

/** A script without italics: Han, Kana, Hangul. The same ranges as `rich.rs` has. */
const EAST_ASIAN = /[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\u{20000}-\u{323af}]/u

const ELEMENTS = new Map([
  ['bold', 'strong'],
  ['strike', 's'],
  ['code', 'code'],
])

function renderPart({ entity, children }: Exclude<Inline, string>, reader: number | undefined): VNode {
  const inner = renderLine(children, reader)
  const element = ELEMENTS.get(entity.type)
  if (element !== undefined) return h(element, inner)
  switch (entity.type) {
    case 'italic':
      // Slanted Chinese is no emphasis; dots are.
      return h('em', EAST_ASIAN.test(textOf(children)) ? { class: 'dotted' } : null, inner)
    case 'link':
    case 'url':
      return renderLink(entity.url ?? textOf(children), inner)
    case 'mention': {
      const isReader = entity.user === reader
      return h('span', { class: ['at-name', { 'is-me': isReader }], 'data-user': entity.user }, inner)
    }
    case 'mention_all':
      return h('span', { class: ['at-name', { 'is-me': reader !== undefined }] }, inner)
    case 'spoiler':
      return h('label', { class: 'spoiler' }, [
        h('input', { type: 'checkbox', autocomplete: 'off', 'aria-label': words.showHidden }),
        h('span', inner),
      ])
    default:
      return h('span', inner)
  }
}

/** Renders a link, if it leads where links may lead. */
function renderLink(href: string, inner: VNodeArrayChildren): VNode {
  if (!hasScheme(href)) return h('span', inner)
  return h('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow' }, inner)
}

function textOf(children: readonly Inline[]): string {
  return children.map((child) => (typeof child === 'string' ? child : textOf(child.children))).join('')
}
