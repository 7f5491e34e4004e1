// Which parts of a text become links.
import { expect, it } from 'vitest'
import { linkify } from '../src/text/linkify'

const links = (text: string) => linkify(text).flatMap(({ href }) => href ?? [])

it.each([
  ['plain words', 'no link here', []],
  ['an address alone', 'https://example.org/', ['https://example.org/']],
  ['http as well', 'see http://example.org/a', ['http://example.org/a']],
  ['two of them', 'http://a.example/ http://b.example/', ['http://a.example/', 'http://b.example/']],
  ['a full stop belongs to the sentence', 'See https://example.org/a.', ['https://example.org/a']],
  ['so does a closing bracket', '(https://example.org/a)', ['https://example.org/a']],
  ['but one that was opened inside stays', 'https://example.org/a_(b)', ['https://example.org/a_(b)']],
  ['Chinese punctuation ends an address', '看https://example.org/a，很好。', ['https://example.org/a']],
  ['a port and a query', 'http://nas.lan:8080/x?y=1&z=2#t', ['http://nas.lan:8080/x?y=1&z=2#t']],
  ['javascript: is not linked', 'javascript:alert(1)', []],
  ['nor is data:', 'data:text/html,<script>alert(1)</script>', []],
  ['nor javascript: dressed up', 'javascript://https/%0aalert(1)', []],
  ['nor file:', 'file:///etc/passwd', []],
  ['nor an address that hides its host behind an @', 'https://bank.example@evil.example/', []],
  ['nor a broken one', 'https://', []],
  ['a sign at the end belongs to the address', 'https://x.example/abc_ https://x.example/~', ['https://x.example/abc_', 'https://x.example/~']],
  ['but not one that stands at both ends', '*https://x.example/a* _https://x.example/b_', ['https://x.example/a', 'https://x.example/b']],
  ['a host ends where another script begins', 'https://example.com看看', ['https://example.com/']],
  ['so does a port', 'http://nas.lan:8080看看', ['http://nas.lan:8080/']],
  ['a host of another script is one', 'https://例子.中国/茶', ['https://xn--fsqu00a.xn--fiqs8s/%E8%8C%B6']],
  ['a path may be of any script', 'https://example.org/wiki/茶', ['https://example.org/wiki/%E8%8C%B6']],
])('%s', (_name, text, expected) => {
  expect(links(text)).toEqual(expected)
})

it.each(['', 'a', 'https://example.org.', '(http://a.example) 你好，http://b.example。\n<b>', 'https://u@h.example x'])(
  'the parts of %j put together are the text',
  (text) => {
    expect(linkify(text).map((part) => part.text).join('')).toBe(text)
  },
)
