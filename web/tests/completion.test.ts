// Completion in the composer: what is unfinished at the caret, and what goes out.
import { describe, expect, test } from 'vitest'
import { unfinishedAt } from '../src/composer/completion'
import { withIds } from '../src/composer/mentions'
import { findEmoji, loadEmoji } from '../src/emoji/emoji'

describe('what is unfinished at the caret', () => {
  test.each([
    ['@', { kind: 'person', typed: '', start: 0 }],
    ['hi @an', { kind: 'person', typed: 'an', start: 3 }],
    ['你好@海', { kind: 'person', typed: '海', start: 2 }],
    ['(:tea', { kind: 'emoji', typed: 'tea', start: 1 }],
    ['：:茶', { kind: 'emoji', typed: '茶', start: 1 }],
    ['ann@ex', null],
    [':D', null],
    ['12:30', null],
    ['https://a', null],
    ['@ann is', null],
  ])('%s', (text, expected) => {
    expect(unfinishedAt(text, text.length)).toEqual(expected)
  })
})

test('people who were chosen go out by their ids, but not in code', () => {
  const chosen = [
    { id: 3, name: 'ann' },
    { id: 4, name: 'ann [b]' },
  ]
  expect(withIds('@ann, @ann [b] and x@ann: `@ann` @anna', chosen)).toBe('[@ann](user:3), [@ann \\[b\\]](user:4) and x@ann: `@ann` @anna')
  expect(withIds('@ann', [])).toBe('@ann')
})

test('emoji are found by name, short name and words', async () => {
  const all = await loadEmoji()
  expect(all.length).toBeGreaterThan(1800)
  expect(findEmoji(all, 'tea', 9).map(({ emoji }) => emoji)).toContain('🍵')
  expect(findEmoji(all, '+1', 1)[0]?.emoji).toBe('👍️')
  expect(findEmoji(all, 'grinning f', 1)[0]?.emoji).toBe('😀')
  expect(findEmoji(all, 'no such thing', 9)).toEqual([])
})
