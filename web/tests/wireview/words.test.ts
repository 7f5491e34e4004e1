// The drawer's words: complete in both languages, and each in its own.
import { expect, it } from 'vitest'
import { words as en } from '../../src/i18n/wire/en'
import { words as zh } from '../../src/i18n/wire/zh'

/** Lists all words as `how.wait.act` and their text, or what a function makes of examples. */
function flatten(words: object, path = ''): [string, string][] {
  return Object.entries(words).flatMap(([key, value]: [string, unknown]) => {
    const place = path + key
    if (typeof value === 'function') return [[place, String((value as (...values: unknown[]) => unknown)(2, 3))]]
    return value !== null && typeof value === 'object' ? flatten(value, `${place}.`) : [[place, String(value)]]
  })
}

/** Signs that both languages share, or nothing at all. */
const SHARED = new Set(['kinds.other', 'reasons.usual', 'bytes'])

it('both languages say the same things, each in its own words', () => {
  const [english, chinese] = [flatten(en), flatten(zh)]
  expect(chinese.map(([place]) => place)).toEqual(english.map(([place]) => place))
  const foreign = chinese.filter(([place, text]) => !/\p{Script=Han}/u.test(text) && !SHARED.has(place))
  const same = english.filter(([place, text], at) => text === chinese[at]?.[1] && !SHARED.has(place))
  expect([foreign, same]).toEqual([[], []])
})
