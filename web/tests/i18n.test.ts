// The languages: complete, different, and chosen by the browser's list.
import { expect, it } from 'vitest'
import { chooseLanguage, languages, nameOfLanguage } from '../src/i18n'
import { words as en } from '../src/i18n/languages/en'
import { words as zh } from '../src/i18n/languages/zh'
import { pluralOf } from '../src/i18n/plural'
import { formatDay } from '../src/i18n/times'

it('both languages say the same things', () => {
  expect(Object.keys(zh)).toEqual(Object.keys(en))
})

it('each thing is said in its own language', () => {
  const same = Object.entries(en).filter(([key, value]) => {
    const other: unknown = zh[key as keyof typeof zh]
    return typeof value !== typeof other || (value === other && key !== 'direction')
  })
  expect(same).toEqual([])
})

/** Names of rooms and tags stand in these, and nothing else. */
const FOREIGN = new Set(['title', 'htmlLanguage', 'direction', 'heard', 'spoke'])

it('Chinese sentences hold Chinese', () => {
  const foreign = Object.entries(zh).filter(([key, value]) => !FOREIGN.has(key) && !/\p{Script=Han}/u.test(String(value)))
  expect(foreign).toEqual([])
})

it('a space stands between Chinese and Latin letters only', () => {
  expect([zh.joined('ann'), zh.joined('小林'), zh.writeTo('Lobby'), zh.writeTo('大厅')]).toEqual([
    'ann 加入了',
    '小林加入了',
    '在 Lobby 说点什么',
    '在大厅说点什么',
  ])
})

it.each([
  [['zh-CN', 'en'], 'zh'],
  [['zh-Hant-TW'], 'zh'],
  [['de-DE', 'zh', 'en'], 'zh'],
  [['en-GB', 'zh'], 'en'],
  [['de-DE', 'fr'], 'en'],
  [[], 'en'],
])('a browser that prefers %j gets %s', (preferred, expected) => {
  expect(chooseLanguage(preferred)).toBe(expected)
})

it.each([
  ['today', '2026-11-21T00:00:01', 'Today'],
  ['the evening before', '2026-11-20T23:59:59', 'Yesterday'],
  ['this year', '2026-11-19T12:00:00', 'Thursday, November 19'],
  ['another year', '2025-11-19T12:00:00', 'November 19, 2025'],
])('the day of %s', (_name, at, expected) => {
  expect(formatDay(at, new Date('2026-11-21T09:00:00'))).toBe(expected)
})

it('a language is one file, and is called by its own name', () => {
  expect(languages.map((tag) => [tag, nameOfLanguage(tag)])).toEqual([
    ['en', 'English'],
    ['zh', '中文'],
  ])
})

it.each([
  ['English', 'en', 1, 'one thing'],
  ['English', 'en', 1234, '1,234 things'],
  ['a language with more forms', 'pl', 3, '3 few'],
  ['a language with more forms', 'pl', 5, '5 things'],
])('%s counts by its own rules (%s, %i)', (_name, tag, count, expected) => {
  const few = tag === 'pl' ? { few: '# few' } : {}
  expect(pluralOf(tag)(count, { one: 'one thing', other: '# things', ...few })).toBe(expected)
})
