// The first article's own client, jQuery and eval and all, in the same lobby.
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { endsWith, openUpdates } from './harness/article'
import { useLinger } from './harness/linger'

const linger = useLinger({ restarts: true })
const INBOX = '#inbox > *'

test('two readers of the article talk', async () => {
  const one = await open()
  const other = await open()
  await say(one, '第一条')
  await endsWith(other, INBOX, [/: 第一条$/])
  await say(other, '第二条')
  await endsWith(one, INBOX, [/: 第一条$/, /: 第二条$/])
  await say(other, 'and a third')
  for (const page of [one, other]) await endsWith(page, INBOX, [/: 第一条$/, /: 第二条$/, /: and a third$/])
  expect(await one.locator('#state').innerText()).toMatch(/^(\[state: success \]\s*)+$/)
})

test('the article and the page are in one room', async () => {
  const reader = await open()
  const ann = await linger.open({ name: 'ann' })
  await ann.say('from the page')
  await endsWith(reader, INBOX, ['ann: from the page'])
  await say(reader, '来自文章')
  await ann.endsWith(['from the page', '来自文章'])
  await ann.say('你好，\n世界')
  await endsWith(reader, INBOX, [/: 来自文章$/, 'ann: 你好，世界'])
  expect(await ann.authorOf('来自文章')).toMatch(/^[A-Z][a-z]+ [A-Z][a-z]+$/)
})

test('a newcomer is told the earlier messages, once', async () => {
  const ann = await linger.open({ name: 'ann' })
  await ann.say('said before')
  await ann.endsWith(['said before'])
  const said = await ann.texts()

  const reader = await open()
  const expected = said.map((text) => text.replaceAll('\n', ''))
  const told = async () => (await reader.locator(INBOX).allTextContents()).map((line) => line.slice(line.indexOf(': ') + 2))
  await expect.poll(told).toEqual(expected)
  await ann.say('said after')
  await expect.poll(told).toEqual([...expected, 'said after'])
})

test('markup in a message is text in the article’s page too', async () => {
  const reader = await open()
  const ann = await linger.open({ name: '<i>ann</i>' })
  const texts = ['<img src=x onerror="window.ran = 1">', '</div><script>window.ran = 2</script>', `"'); window.ran = 3; ('"`, '&lt;b&gt; \u2028 \\u003c']
  for (const text of texts) await ann.say(text)
  // U+2028 is a line break, which the article's page does not show.
  await ann.endsWith(texts.map((text) => text.replaceAll('\u2028', '\n')))
  await say(reader, '<svg onload="window.ran = 4"></svg>')
  const lines = [...texts.map((text) => `<i>ann</i>: ${text.replaceAll('\u2028', '')}`), /: <svg onload="window.ran = 4"><\/svg>$/]
  await endsWith(reader, INBOX, lines)
  expect(await reader.locator('#inbox :is(img, script, i, svg)').count()).toBe(0)
  expect(await reader.evaluate(() => 'ran' in window)).toBe(false)
})

test('the article’s loop goes on when the server was restarted, and misses nothing', async () => {
  const reader = await open()
  const ann = await linger.open({ name: 'ann' })
  await ann.say('before the restart')
  await endsWith(reader, INBOX, ['ann: before the restart'])
  const before = await reader.locator(INBOX).allTextContents()

  expect(await linger.server.stop()).toBe(0)
  await ann.say('written meanwhile')
  await linger.server.start()
  await ann.endsWith(['before the restart', 'written meanwhile'])
  await expect.poll(() => reader.locator(INBOX).allTextContents()).toEqual([...before, 'ann: written meanwhile'])
})

async function open(): Promise<Page> {
  const page = await linger.openBlank()
  await openUpdates(page, linger.server.url)
  return page
}

/** Writes and sends in one go: the article empties the field whenever news comes. */
function say(page: Page, text: string): Promise<void> {
  return page.evaluate((said) => {
    document.querySelector<HTMLInputElement>('#message')!.value = said
    document.querySelector<HTMLButtonElement>('#send')!.click()
  }, text)
}
