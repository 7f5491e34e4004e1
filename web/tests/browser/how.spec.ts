// The page /how before the real program, in both languages.
import { expect, test } from 'vitest'
import { Drawer } from './harness/drawer'
import { useLinger } from './harness/linger'
import { Person } from './harness/person'

const linger = useLinger()

test.each([
  ['en-GB', 'How it waits', 'Ask, again and again', 'asks every 2 s', 'complete: #1 to #'],
  ['zh-CN', '它怎样等待', '问了又问', '每 2 秒问一次', '完整：#1 到 #'],
] as const)('five steps act on the reader\'s own wire, %s', async (locale, title, first, stand, proof) => {
  const bob = await Person.arrive(linger.server.url, 'bob')
  await bob.say('hello')
  const ann = await Drawer.open(linger, '/how', { name: 'ann', locale })
  const act = (step: number) => ann.page.locator(`[data-step="${step}"] .tool`).click()
  expect([await ann.page.locator('h1').innerText(), await ann.page.locator('.step h2').first().innerText()]).toEqual([title, first])
  expect(await ann.page.locator('.step').count()).toBe(5)

  await act(1)
  await expect.poll(() => ann.stand()).toContain(stand)
  await act(2)
  const field = ann.page.locator('.say input')
  await field.fill('said from the steps')
  await field.press('Enter')
  await ann.root.locator('.is-sent').first().waitFor()
  await ann.root.locator('.requests li:has(.news)').first().waitFor()
  await act(3)
  const focused = () => ann.page.evaluate(() => document.activeElement?.getAttribute('aria-pressed'))
  expect(await focused()).toBe('true')
  const requests = ann.root.locator('.requests li')
  const before = await requests.count()
  await bob.say('more')
  await expect.poll(() => requests.count()).toBeGreaterThan(before)
  expect(await focused()).toBe('true')
  await act(4)
  await expect.poll(() => ann.root.getByRole('switch').isChecked()).toBe(true)
  await act(4)
  await act(5)
  await expect.poll(() => ann.proof()).toContain(proof)
})
