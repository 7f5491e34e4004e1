// Browsers that lack something: a way round, or one plain sentence.
import { expect, test } from 'vitest'
import { useLinger } from './harness/linger'
import { Chat } from './harness/chat'

const linger = useLinger()

const MISSING: { what: string; remove: () => void }[] = [
  { what: 'Intl.Segmenter', remove: () => Reflect.deleteProperty(Intl, 'Segmenter') },
  { what: 'URL.canParse', remove: () => Reflect.deleteProperty(URL, 'canParse') },
  {
    what: 'the newest methods of arrays',
    remove: () => {
      for (const name of ['toSorted', 'toSpliced', 'toReversed', 'with', 'findLast', 'findLastIndex']) Reflect.deleteProperty(Array.prototype, name)
    },
  },
]

test.each(MISSING)('without $what one talks as well', async ({ what, remove }) => {
  const context = await linger.newContext()
  await context.addInitScript(remove)
  const ann = new Chat(context, await context.newPage())
  await ann.visit(linger.server.url)
  await ann.say(`without ${what}: https://example.org/`)
  await ann.endsWith([`without ${what}: https://example.org/`])
  await ann.reload()
  await ann.endsWith([`without ${what}: https://example.org/`])
})

test.each([
  ['en-GB', 'Linger needs a newer browser: Chrome or Edge 123, Firefox 120, Safari 17.5, or later.'],
  ['zh-CN', 'Linger 需要较新的浏览器：Chrome 或 Edge 123、Firefox 120、Safari 17.5 以上。'],
])('one that is too old is told so in one sentence (%s)', async (locale, sentence) => {
  const context = await linger.newContext({ locale })
  await context.addInitScript(() => {
    CSS.supports = () => false
  })
  const page = await context.newPage()
  await page.goto(linger.server.url)
  expect(await page.getByRole('alert').innerText()).toBe(sentence)
  expect(await page.locator('[data-v-app]').count()).toBe(0)
})
