// Formatted text from elsewhere, pasted into the composer.
import { expect, test } from 'vitest'
import { markdownOf } from '../src/composer/pasted'
import { parseMarkdown } from '../src/text/markdown'

test.each([
  ['words', 'a <b>b</b> <em>c</em> <del>d</del> <code>e*</code>', 'a **b** *c* ~~d~~ `e*`'],
  ['white space', '<p>a\n   b</p>\n<p>c</p>', 'a b\nc'],
  ['a link', '<a href="https://a.example/x"><i>here</i></a>', '*[here](https://a.example/x)*'],
  ['no link to a script', '<a href="javascript:alert(1)">here</a>', 'here'],
  ['marks that are text', '<p>2 *3* [4](5)</p>', '2 \\*3\\* [4\\](5)'],
  ['blocks', '<blockquote><p>a</p></blockquote><pre>b\n  c\n</pre><ul><li>d<li>e</ul>', '> a\n```\nb\n  c\n```\n- d\n- e'],
  ['nothing that runs', '<style>p{}</style><script>alert(1)</script><img src=x onerror=alert(1)>a', 'a'],
  ['an editor that wraps all in a thin b', '<b style="font-weight:normal">a</b>', 'a'],
])('%s', (_, html, markdown) => {
  expect(markdownOf(html)).toBe(markdown)
  expect(parseMarkdown(markdown).text).not.toContain('**')
})
