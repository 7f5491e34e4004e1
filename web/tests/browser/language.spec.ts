// The page speaks Chinese or English, as the browser asks.
import { expect, test } from 'vitest'
import { useLinger } from './harness/linger'

const linger = useLinger()

const HAN_NAME = /^\p{Script=Han}+的\p{Script=Han}+$/u
const ENGLISH_NAME = /^[A-Z][a-z]+ [A-Z][a-z]+$/

test.each([
  { locale: 'zh-CN', lang: 'zh-CN', connected: '等待第一句话', empty: '你好，你在这里叫', name: HAN_NAME },
  { locale: 'zh-TW', lang: 'zh-CN', connected: '等待第一句话', empty: '你好，你在这里叫', name: HAN_NAME },
  { locale: 'en-US', lang: 'en', connected: 'waiting for the first word', empty: 'Hello. Here you are', name: ENGLISH_NAME },
  { locale: 'fr-FR', lang: 'en', connected: 'waiting for the first word', empty: 'Hello. Here you are', name: ENGLISH_NAME },
])('a browser in $locale gets the page and a friendly name in $lang', async ({ locale, lang, connected, empty, name }) => {
  const chat = await linger.open({ locale })
  expect(await chat.page.locator('html').getAttribute('lang')).toBe(lang)
  expect(await chat.status()).toBe(connected)
  await chat.page.getByText(empty).waitFor()
  expect(await chat.name()).toMatch(name)
})

test('people of both languages share one room', async () => {
  const ann = await linger.open({ name: 'ann', locale: 'en-GB' })
  const mo = await linger.open({ name: '陈默', locale: 'zh-CN' })
  await ann.say('Welcome!')
  await mo.shows(['Welcome!'])
  await mo.say('谢谢，晚上好。')
  await ann.shows(['Welcome!', '谢谢，晚上好。'])
  expect(await ann.authorOf('谢谢，晚上好。')).toBe('陈默')
  expect(await mo.page.title()).toContain('Linger')
  expect(await mo.page.locator('.notice').last().innerText()).toContain('加入了')
})
