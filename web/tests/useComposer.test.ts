// Which keys send, what is sent, and what is left of it.
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { nextTick, ref } from 'vue'
import { useComposer } from '../src/composer/useComposer'
import { ann, inScope, message } from './cast'

beforeEach(() => {
  vi.useFakeTimers()
})

function write(text: string, { known = true } = {}) {
  const sent: string[] = []
  const isKnown = ref(known)
  const options = { isKnown, submit: (said: string) => sent.push(said) }
  const { result: composer } = inScope(() => useComposer(options))
  if (text !== '') composer.text.value = text
  const press = (init: KeyboardEventInit & { keyCode?: number }) => {
    const event = new KeyboardEvent('keydown', { key: 'Enter', cancelable: true, ...init })
    if (init.keyCode !== undefined) Object.defineProperty(event, 'keyCode', { value: init.keyCode })
    composer.onKeydown(event)
    return event.defaultPrevented
  }
  return { composer, sent, press, isKnown }
}

it('Enter sends the trimmed text and empties the field', () => {
  const { composer, sent, press } = write('  hello\nworld \n')
  expect([press({}), sent, composer.text.value]).toEqual([true, ['hello\nworld'], ''])
})

it('a text that is sent before it is known who writes goes then, unless it was changed', async () => {
  const here = write('hello', { known: false })
  const there = write('hello', { known: false })
  for (const { press } of [here, there]) press({})
  there.composer.text.value = 'hello you'
  expect([here.sent, here.composer.text.value]).toEqual([[], 'hello'])
  for (const { isKnown } of [here, there]) isKnown.value = true
  await nextTick()
  expect([here.sent, here.composer.text.value]).toEqual([['hello'], ''])
  expect([there.sent, there.composer.text.value]).toEqual([[], 'hello you'])
})

it('Shift+Enter makes a new line', () => {
  const { sent, press } = write('hello')
  expect([press({ shiftKey: true }), sent]).toEqual([false, []])
})

it('other keys are left alone', () => {
  const { sent, press } = write('hello')
  expect([press({ key: 'a' }), sent]).toEqual([false, []])
})

it('a second Enter finds nothing left to send', () => {
  const { sent, press } = write('hello')
  press({})
  press({})
  expect(sent).toEqual(['hello'])
})

describe('the Enter that confirms a conversion does not send', () => {
  it.each([
    ['while composing', { isComposing: true }],
    ['with the key code of input methods', { keyCode: 229 }],
  ])('%s', (_name, init) => {
    const { sent, press } = write('nihao')
    expect([press(init), sent]).toEqual([false, []])
  })

  it('right after compositionend, as Safari has it; the next one does', () => {
    const { composer, sent, press } = write('你好')
    composer.ime.onCompositionStart()
    composer.ime.onCompositionEnd()
    expect([press({}), sent]).toEqual([false, []])
    vi.advanceTimersByTime(1)
    expect([press({}), sent]).toEqual([true, ['你好']])
  })

  it('between compositionstart and compositionend, whatever the event says', () => {
    const { composer, sent, press } = write('ni')
    composer.ime.onCompositionStart()
    vi.advanceTimersByTime(1000)
    expect([press({}), sent]).toEqual([false, []])
  })
})

describe('the length', () => {
  it.each([
    ['nothing', '', false, null],
    ['white space only', ' \n ', false, null],
    ['far from the limit', 'a'.repeat(3700), true, null],
    ['near the limit', 'a'.repeat(3701), true, 299],
    ['at the limit', ` ${'a'.repeat(4000)} `, true, 0],
    ['beyond the limit', 'a'.repeat(4001), false, -1],
    ['characters outside the basic plane count once', '😀'.repeat(4000), true, 0],
  ])('%s', (_name, text, canSend, left) => {
    const { composer } = write(text)
    expect([composer.canSend.value, composer.charactersLeft.value]).toEqual([canSend, left])
  })

  it('a text that is too long stays in the field', () => {
    const { composer, sent, press } = write('a'.repeat(4001))
    press({})
    expect([sent, composer.text.value.length]).toEqual([[], 4001])
  })
})

it('a text that is taken back stands before what is being written', () => {
  const { composer } = write('and this')
  composer.put('this')
  expect(composer.text.value).toBe('this\nand this')
})

it('files alone are a message, and a text waits until its files are up', async () => {
  const sent: string[] = []
  const files = ref<'none' | 'coming' | 'up'>('coming')
  const { result: composer } = inScope(() => useComposer({ isKnown: ref(true), files, submit: (said) => sent.push(said) }))
  composer.send()
  expect([sent, composer.waitsForFiles.value]).toEqual([[], true])
  files.value = 'up'
  await nextTick()
  expect([sent, composer.waitsForFiles.value]).toEqual([[''], false])
  // All files were taken away again: what is left is nothing to send.
  files.value = 'coming'
  composer.send()
  files.value = 'none'
  await nextTick()
  expect([sent, composer.canSend.value]).toEqual([[''], false])
})

it('a message is edited while files wait for another', () => {
  const changed: string[] = []
  const { result: composer } = inScope(() => useComposer({ isKnown: ref(true), files: ref('coming' as const), submit: () => {}, change: (_, text) => changed.push(text) }))
  composer.edit(message(1, ann, 'hello'))
  composer.text.value = ''
  expect(composer.canSend.value).toBe(false)
  composer.text.value = 'hello you'
  composer.send()
  expect(changed).toEqual(['hello you'])
})
