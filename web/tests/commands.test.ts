// Texts that are commands, texts that only look like one, and what completes them.
import { describe, expect, it, vi } from 'vitest'
import { nextTick, ref } from 'vue'
import type { Message } from '../src/api/types'
import { callsAll, completeCommand, readCommand, roomNamed } from '../src/composer/commands'
import type { Command } from '../src/composer/commands'
import { useComposer } from '../src/composer/useComposer'
import type { ComposerOptions } from '../src/composer/useComposer'
import { parseMarkdown } from '../src/text/markdown'
import { useCompletion } from '../src/composer/useCompletion'
import { ann, inScope, message } from './cast'

describe('a text that begins with a slash', () => {
  it.each([
    ['/topic Green tea', { kind: 'command', command: { name: 'topic', rest: 'Green tea' } }],
    ['/Topic', { kind: 'command', command: { name: 'topic', rest: '' } }],
    ['/nick  Quiet Heron', { kind: 'command', command: { name: 'nick', rest: 'Quiet Heron' } }],
    ['/leave', { kind: 'command', command: { name: 'leave', rest: '' } }],
    ['/me puts the kettle on', { kind: 'text', text: '_puts the kettle on_' }],
    ['//me is a command', { kind: 'text', text: '/me is a command' }],
    ['/usr/bin is full', { kind: 'text', text: '/usr/bin is full' }],
    ['/ or not', { kind: 'text', text: '/ or not' }],
    ['1/2', { kind: 'text', text: '1/2' }],
  ])('%s', (written, said) => expect(readCommand(written)).toEqual(said))

  it.each([
    ['/tea', 'There is no command /tea. /help shows all; //tea says it as a message.'],
    ['/join', '/join needs one more thing: a room.'],
    ['/me ', '/me needs one more thing: what you do.'],
  ])('that cannot be done says why: %s', (written, sentence) => {
    expect(readCommand(written.trim())).toEqual({ kind: 'problem', sentence })
  })
})

it.each([
  ['waves', 'waves'],
  ['says _hi_', 'says hi'],
  ['moves snake_case_', 'moves snake_case_'],
  ['reads https://a.example/x_y_', 'reads https://a.example/x_y_'],
  ['adds 2 * 3_', 'adds 2 * 3_'],
  ['a_ b', 'a_ b'],
  ['在喝茶', '在喝茶'],
])('/me %s is emphasised from one end to the other', (rest, shown) => {
  const said = readCommand(`/me ${rest}`)
  const { text, entities } = parseMarkdown(said.kind === 'text' ? said.text : '')
  const italic = entities.filter(({ type }) => type === 'italic')
  expect([text, italic.reduce((end, { offset, length }) => (offset <= end ? Math.max(end, offset + length) : end), 0)]).toEqual([shown, shown.length])
})

it('a room is named in any of the forms that people have at hand', () => {
  const forms = ['tea', '#tea', '#Tea ', 'https://chat.example/r/tea', '/r/tea/42']
  expect(forms.map(roomNamed)).toEqual(forms.map(() => 'tea'))
})

it.each([
  ['@all tea is ready', true],
  ['tea for @All!', true],
  ['大家好@all来喝茶', true],
  ['write to bob@all.example', false],
  ['@allison', false],
  ['all', false],
])('%s calls everybody: %s', (text, calls) => expect(callsAll(text)).toBe(calls))

const mine: Message = message(7, ann, 'one')
const pressed = (key: string) => new KeyboardEvent('keydown', { key, cancelable: true })

function openComposer() {
  const acts = { submit: vi.fn<ComposerOptions['submit']>(), change: vi.fn<(message: Message, text: string) => void>(), run: vi.fn<(command: Command) => void>(), editLast: vi.fn<() => void>() }
  const { result } = inScope(() => useComposer({ isKnown: ref(true), ...acts }))
  return { ...result, ...acts }
}

describe('the composer', () => {
  it('edits a message beside the draft, which comes back', () => {
    const { text, draft, edit, onKeydown, change, editing } = openComposer()
    text.value = 'half a sentence'
    edit(mine)
    expect([text.value, draft.value]).toEqual(['one', 'half a sentence'])
    text.value = 'uno '
    onKeydown(pressed('Enter'))
    expect([change.mock.calls, text.value, editing.value]).toEqual([[[mine, 'uno']], 'half a sentence', null])
  })

  it('leaves a message alone that was not changed, and one that Escape leaves', () => {
    const { text, edit, onKeydown, change } = openComposer()
    edit(mine)
    onKeydown(pressed('Enter'))
    edit(mine)
    text.value = 'uno'
    onKeydown(pressed('Escape'))
    expect([change.mock.calls, text.value]).toEqual([[], ''])
  })

  it('asks for the last message with the arrow, in an empty field alone', () => {
    const { text, onKeydown, editLast } = openComposer()
    text.value = 'a'
    onKeydown(pressed('ArrowUp'))
    text.value = ''
    onKeydown(pressed('ArrowUp'))
    expect(editLast).toHaveBeenCalledTimes(1)
  })

  it('sends the answer with what it answers, once', () => {
    const { text, answering, send, submit } = openComposer()
    answering.value = { id: 7, text: 'one' }
    text.value = 'two'
    send()
    text.value = 'three'
    send()
    expect(submit.mock.calls).toEqual([['two', { id: 7, text: 'one' }], ['three', undefined]])
  })

  it('keeps a command that cannot be done, and says why until something is changed', () => {
    const { text, send, problem, run, submit } = openComposer()
    text.value = '/tea'
    send()
    expect([text.value, problem.value.slice(0, 20), submit.mock.calls, run.mock.calls]).toEqual(['/tea', 'There is no command ', [], []])
    text.value = '/help'
    expect(problem.value).toBe('')
    send()
    expect([text.value, run.mock.calls]).toEqual(['', [[{ name: 'help', rest: '' }]]])
  })
})

function openField(written: string) {
  const text = ref('')
  const field = document.createElement('textarea')
  const { result } = inScope(() => useCompletion(text, ref(field), [completeCommand]))
  const write = async (now: string) => {
    text.value = field.value = now
    field.setSelectionRange(now.length, now.length)
    await nextTick()
    result.look()
  }
  const names = () => result.options.value.map(({ shown }) => shown)
  const press = (key: string) => result.onKeydown(new KeyboardEvent('keydown', { key, cancelable: true }))
  return { ...result, text, write, names, press, ready: write(written) }
}

describe('completing', () => {
  it('offers what fits, and takes the one that is chosen', async () => {
    const { ready, names, press, text, write } = openField('/')
    await ready
    expect(names()).toEqual(['/me', '/topic', '/nick', '/join', '/leave', '/help'])
    press('ArrowDown')
    expect([press('Enter'), text.value]).toEqual([true, '/topic '])
    await write('/le')
    expect([names(), press('Tab'), text.value]).toEqual([['/leave'], true, '/leave'])
    expect([names(), press('Enter')]).toEqual([[], false])
  })

  it('stays away once it was closed, until something else is written', async () => {
    const { ready, names, press, write } = openField('/t')
    await ready
    expect([press('Escape'), names(), press('Escape')]).toEqual([true, [], false])
    await write('/to')
    expect(names()).toEqual(['/topic'])
  })

  it('knows nothing in the middle of a text', async () => {
    const { ready, names } = openField('tea or /t')
    await ready
    expect(names()).toEqual([])
  })
})
