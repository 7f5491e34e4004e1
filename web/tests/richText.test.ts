// Formatted messages as DOM nodes: the markup that the server writes.
import { mount } from '@vue/test-utils'
import { expect, test } from 'vitest'
import { h } from 'vue'
import byChance from '../../fixtures/entities/by_chance.json'
import typed from '../../fixtures/entities/typed.json'
import type { Entity } from '../src/api/types'
import MessageText from '../src/messages/MessageText.vue'
import { readerKey } from '../src/messages/reader'

const rows = [...typed, ...byChance] as { text: string; entities: Entity[]; html: string }[]

/** Renders messages, each in a section of its own. */
function rendered(messages: { text: string; entities: Entity[] }[], reader?: number): Element[] {
  const host = document.createElement('div')
  const all = () => messages.map(({ text, entities }) => h('section', h(MessageText, { text, entities })))
  mount(all, { attachTo: host, global: { provide: { [readerKey as symbol]: () => reader } } })
  return [...host.querySelectorAll('section')]
}

/** Writes elements down with their attributes in one order. */
function markup(node: Node): string {
  if (!(node instanceof Element)) return JSON.stringify(node.textContent ?? '')
  const attributes = [...node.attributes].map(({ name, value }) => `${name}=${value}`).sort()
  // Vue marks where lists begin and end by empty texts.
  const shows = (child: Node) => child instanceof Element || (child.nodeType === Node.TEXT_NODE && child.textContent !== '')
  const children = [...node.childNodes].filter(shows)
  const inner = children.map(markup)
  return `${node.localName}(${attributes.join(' ')})[${inner.join('')}]`
}

test('a message has the markup that the server writes', { timeout: 30_000 }, () => {
  const shown = rendered(rows).map(markup)
  const expected = rows.map(({ html }) => {
    const section = document.createElement('section')
    section.innerHTML = html
    return markup(section)
  })
  expect(shown).toEqual(expected)
})

test('what calls the reader stands out', () => {
  const entities: Entity[] = [
    { type: 'mention', offset: 0, length: 4, user: 17 },
    { type: 'mention', offset: 5, length: 4, user: 18 },
  ]
  const [shown] = rendered([{ text: '@Ann @bob', entities }], 17)
  const names = [...shown!.querySelectorAll('.at-name')].map((name) => name.className)
  expect(names).toEqual(['at-name is-me', 'at-name'])
})
