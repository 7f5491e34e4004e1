// Which parts of a text become links.
import { expect, it } from 'vitest'
import addresses from '../../fixtures/addresses.json'
import { linkify } from '../src/text/linkify'

type Row = [name: string, text: string, links: string[]]

it.each(addresses as Row[])('%s', (_name, text, expected) => {
  const parts = linkify(text)
  expect(parts.filter(({ href }) => href !== undefined).map((part) => part.text)).toEqual(expected)
  expect(parts.map((part) => part.text).join('')).toBe(text)
})

it('a link leads where its words say, in the form that browsers send', () => {
  expect(linkify('https://例子.中国/茶')).toEqual([
    { text: 'https://例子.中国/茶', href: 'https://xn--fsqu00a.xn--fiqs8s/%E8%8C%B6' },
  ])
})

it.each(['', 'a', 'https://example.org.', '(http://a.example) 你好，http://b.example。\n<b>', 'https://u@h.example x'])(
  'the parts of %j put together are the text',
  (text) => {
    expect(linkify(text).map((part) => part.text).join('')).toBe(text)
  },
)
