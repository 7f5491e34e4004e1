// The page /how: each step does what it tells of, on the wire beside it.
import { enableAutoUnmount, mount } from '@vue/test-utils'
import { afterEach, expect, it, vi } from 'vitest'
import HowPage from '../../src/how/HowPage.vue'
import type { Saying } from '../../src/wireview/port'

enableAutoUnmount(afterEach)

function open(canSay: boolean) {
  const sayings: Saying[] = []
  const port = { say: (saying: Saying) => void sayings.push(saying), hear: () => () => {} }
  const how = mount(HowPage, {
    attachTo: document.body,
    props: {
      port,
      room: 'tea',
      roomName: 'tea',
      me: canSay ? 1 : undefined,
      readEvents: async () => ({ events: [], cursor: 'c' }),
      shownIds: () => [],
      curl: ({ path }: { path: string }) => ({ line: `curl ${path}`, tokenLine: null }),
    },
  })
  return { how, sayings, act: (step: number) => how.get(`[data-step="${step}"] .tool`).trigger('click') }
}

it('has five steps, and asks the engine for what they tell of', async () => {
  Element.prototype.scrollIntoView = vi.fn<() => void>()
  const { how, sayings, act } = open(true)
  for (const step of [1, 2, 4]) await act(step)
  const tried = sayings.map((saying) => (saying.type === 'mode' ? saying.mode : saying.type === 'weather' ? saying.weather !== null : null))
  expect([how.findAll('.step h2').length, tried.filter((what) => what !== null)]).toEqual([5, ['short', 'long', true]])
})

it('what is written goes out, and the field is empty again', async () => {
  const { how } = open(true)
  const field = how.get<HTMLInputElement>('.say input')
  await field.setValue('  good evening ')
  await how.get('.say').trigger('submit')
  await how.get('.say').trigger('submit')
  expect([how.emitted('say'), field.element.value]).toEqual([[['good evening']], ''])
})

it('an Enter that belongs to an input method sends nothing', async () => {
  const { how } = open(true)
  const enter = new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, cancelable: true, bubbles: true })
  how.get('.say input').element.dispatchEvent(enter)
  expect(enter.defaultPrevented).toBe(true)
})

it('a visitor reads why there is no field', () => {
  const { how } = open(false)
  expect([how.find('.say').exists(), how.get('[data-step="2"]').text().includes('reading along here')]).toEqual([false, true])
})
