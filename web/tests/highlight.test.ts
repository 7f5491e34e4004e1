// Code in colours: the same text, in parts.
import { expect, test } from 'vitest'
import { highlight } from '../src/text/highlight'

test('words, strings and remarks stand out', () => {
  expect(highlight('let a = "b"; // c', 'rust')).toEqual([
    { text: 'let', as: 'b' },
    { text: ' a = ' },
    { text: '"b"', as: 'u' },
    { text: '; ' },
    { text: '// c', as: 'i' },
  ])
})

test('the text stays the same, whatever it is', () => {
  const codes = ['<p class="a">&amp;</p>', 'def f():\n  return """x\n', '\t  {"a": [1, null]}', '-- x\nselect 1;', '${`${}`}', '']
  for (const language of ['xml', 'python', 'json', 'sql', 'js', 'TS', 'c++', 'sh', 'toml', 'html']) {
    for (const code of codes) expect(highlight(code, language)?.map(({ text }) => text).join('')).toBe(code)
  }
})

test('an unknown language is none', () => {
  expect(highlight('x', 'klingon')).toBeNull()
})
