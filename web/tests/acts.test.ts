// A message with all that can be on it, and the menu of what can be done.
import { describe, expect, it, vi } from 'vitest'
import { mount } from '@vue/test-utils'
import { ref } from 'vue'
import type { Message } from '../src/api/types'
import type { Line } from '../src/feed/arrange'
import type { ShownEntry } from '../src/outbox/useOutbox'
import type { Deed } from '../src/store/entries'
import MessageMenu from '../src/messages/MessageMenu.vue'
import MessageRow from '../src/messages/MessageRow.vue'
import { useActiveRow } from '../src/messages/useActiveRow'
import type { RowKey } from '../src/messages/useActiveRow'
import { ann, bob, inScope, message } from './cast'
import { entry } from './device'

const said: Message = {
  ...message(7, bob, 'two'),
  edited_at: '2026-11-21T11:00:00.000Z',
  reply_to: { id: 6, number: 6, by: ann, text: 'one' },
  reactions: [
    { emoji: '🍵', by: [bob, ann] },
    { emoji: '👍', by: [bob] },
  ],
}

function row(shown: Message, rest: Partial<Line> = {}, isActive = false) {
  const { reply_to: quote, text = null, number, at } = shown
  const line: Line = { key: 'k', number, at, text: shown.deleted ? null : text, message: shown, ...(quote && { quote }), ...rest }
  const place = { room: 'tea', name: 'bob', me: ann, mayReply: true, mayReact: true, isTarget: false, isOffline: false }
  return mount(MessageRow, { props: { line, isActive, ...place } })
}

function deed(what: Deed, rest: Partial<ShownEntry> = {}): ShownEntry {
  return { ...entry('', { deed: what }), ...rest } as ShownEntry
}

describe('a row', () => {
  it('quotes what it answers, and leads there', async () => {
    const page = row(said)
    const quote = page.get('a.reply')
    expect([quote.attributes('href'), quote.text()]).toEqual(['/r/tea/6', 'Answers to:ann one'])
    await quote.trigger('click')
    expect(page.emitted('act')).toEqual([[{ kind: 'jump', from: 7, to: 6 }]])
  })

  it('quotes a deleted message and one from before my stay without a text', () => {
    expect(row({ ...said, reply_to: { id: 6, number: 6, by: ann, deleted: true } }).get('.reply').text()).toContain('This message was deleted.')
    const unseen = row({ ...said, reply_to: { id: 6 } }).get('.reply')
    expect([unseen.element.tagName, unseen.text()]).toEqual(['P', 'Answers to:A message from before your time here'])
  })

  it('counts the answers by emoji, says by whom, and has mine pressed', async () => {
    const page = row(said)
    const chips = page.findAll('.reaction')
    const told = chips.map((chip) => [chip.text(), chip.attributes('aria-label'), chip.attributes('aria-pressed')])
    expect(told).toEqual([
      ['🍵 2', '🍵 2: bob and you', 'true'],
      ['👍 1', '👍 1: bob', 'false'],
      ['', 'React', undefined],
    ])
    for (const chip of chips.slice(0, 2)) await chip.trigger('click')
    expect(page.emitted('act')?.map(([act]) => act)).toMatchObject([
      { kind: 'react', emoji: '🍵', isOn: false },
      { kind: 'react', emoji: '👍', isOn: true },
    ])
  })

  it('has its toolbar only while it is chosen, and a deleted one has none', () => {
    const { edited_at: _, reply_to: __, reactions: ___, text: ____, ...rest } = said
    const all = [row(said), row(said, {}, true), row({ ...rest, deleted: true }, {}, true)]
    expect(all.map((page) => page.find('.tools').exists())).toEqual([false, true, false])
  })

  it.each<[string, ShownEntry, string, string[]]>([
    ['a deletion that waits', deed({ kind: 'delete', message: 7 }), 'Deleted.', ['Take back']],
    ['a reaction that failed', deed({ kind: 'react', message: 7, emoji: '🎉', isOn: true }, { state: 'refused', status: 403 }), '🎉 was not taken: you may not do that here.', ['Try again', 'Discard']],
    ['an edit that failed', deed({ kind: 'edit', message: 7, text: 'zwei' }, { state: 'refused', status: 404 }), 'Not changed: the message is gone.', ['Send again', 'Edit', 'Discard']],
    ['a deletion that failed', deed({ kind: 'delete', message: 7 }, { state: 'refused', status: 403 }), 'Not deleted: you may not do that here.', ['Try again', 'Discard']],
    ['an edit of hours ago', deed({ kind: 'edit', message: 7, text: 'zwei' }, { state: 'asking' }), 'Written', ['Send', 'Edit', 'Discard']],
  ])('says of %s', (_name, told, sentence, ways) => {
    const fate = row(message(7, ann, 'two'), { deeds: [told] }).get('.fate')
    expect([fate.get('span').text(), fate.findAll('button').map((button) => button.text())]).toEqual([expect.stringContaining(sentence), ways])
  })
})

function menu(shown: Message, rest: object = {}) {
  HTMLDialogElement.prototype.showModal ??= () => {}
  const rights = { me: ann, mayReply: true, mayReact: true, isReacting: false }
  return mount(MessageMenu, { props: { message: shown, ...rights, ...rest }, attachTo: document.body })
}

const names = (page: ReturnType<typeof menu>) => page.findAll('[role=menuitem]').map((item) => item.attributes('aria-label') ?? item.text())

describe('the menu', () => {
  it('has what I may do, and nothing else', () => {
    expect(names(menu(said))).toEqual(['More emoji', 'Reply', 'Copy text', 'Copy as Markdown', 'Copy link', 'Pin', 'Reactions', 'Versions'])
    expect(names(menu({ ...message(8, ann, 'mine'), pinned: true }))).toEqual(['More emoji', 'Reply', 'Edit', 'Copy text', 'Copy as Markdown', 'Copy link', 'Unpin', 'Delete'])
    const visitors = menu(said, { me: null, mayReply: false, mayReact: false })
    expect([names(visitors), visitors.find('.quick').exists()]).toEqual([['Copy text', 'Copy as Markdown', 'Copy link', 'Reactions', 'Versions'], false])
  })

  it('takes a reaction of mine back', async () => {
    const page = menu({ ...said, reactions: [{ emoji: '👍', by: [ann] }] })
    const quick = page.get('[role=menuitemcheckbox]')
    expect(quick.attributes('aria-checked')).toBe('true')
    await quick.trigger('click')
    expect(page.emitted('act')).toMatchObject([[{ kind: 'react', emoji: '👍', isOn: false }]])
  })
})

function openRows() {
  const box = document.createElement('div')
  box.innerHTML = [1, 2].map((number) => `<div class="said" id="m${number}" data-number="${number}" tabindex="-1"><p><a href="/">x</a></p></div>`).join('')
  document.body.replaceChildren(box)
  const keys: [RowKey, number][] = []
  const { result } = inScope(() => useActiveRow(ref(box), (key, number) => keys.push([key, number])))
  box.addEventListener('keydown', result.onKeydown)
  box.addEventListener('pointerdown', result.onPointerDown)
  box.addEventListener('pointermove', result.onPointerMove)
  box.addEventListener('pointerup', result.onPointerEnd)
  const row2 = box.children[1] as HTMLElement
  const press = (key: string, on: Element = row2) => on.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))
  const touch = (type: string, x = 0) => row2.dispatchEvent(new PointerEvent(type, { pointerType: 'touch', clientX: x, bubbles: true }))
  return { keys, row2, press, touch }
}

describe('the chosen row', () => {
  it('has keys of its own, which a link in it has not', () => {
    const { keys, row2, press } = openRows()
    for (const key of ['Enter', 'r', 'e', 'Delete', '+', 'x']) press(key)
    press('Enter', row2.querySelector('a') ?? row2)
    expect(keys).toEqual([['menu', 2], ['reply', 2], ['edit', 2], ['delete', 2], ['react', 2]])
    press('ArrowUp')
    expect(document.activeElement?.id).toBe('m1')
  })

  it('opens its menu when a finger stays, and not when it moves or leaves', () => {
    vi.useFakeTimers()
    const { keys, touch } = openRows()
    touch('pointerdown')
    touch('pointermove', 50)
    vi.advanceTimersByTime(600)
    touch('pointerdown')
    touch('pointerup')
    vi.advanceTimersByTime(600)
    expect(keys).toEqual([])
    touch('pointerdown')
    vi.advanceTimersByTime(600)
    expect(keys).toEqual([['menu', 2]])
    vi.useRealTimers()
  })
})
