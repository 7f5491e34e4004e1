// Every state of the page, as readers of all kinds have it: nothing is cut off, covered or turned the wrong way.
//
// The pictures in `.screens` are for people to look at; nothing compares them.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import { useLinger } from './harness/linger'
import type { OpenOptions } from './harness/linger'
import { cutOff, moving, places, unreachable } from './harness/sight'
import { Person } from './harness/person'
import { setStage, tour } from './harness/tour'
import type { See, Stage } from './harness/tour'

const linger = useLinger()
const SCREENS = join(import.meta.dirname, '.screens')
const DESK: OpenOptions = { viewport: { width: 1360, height: 860 } }
const PHONE: OpenOptions = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true }
let stage: Stage

beforeAll(async () => {
  mkdirSync(SCREENS, { recursive: true })
  stage = await setStage(linger.server.url)
})

/** Walks through all states, and returns what was found wrong, each with its state. */
async function walk(options: OpenOptions, look: (...seen: Parameters<See>) => Promise<string[]>): Promise<string[]> {
  const found: string[] = []
  await tour(linger, stage, options, async (state, chat) => {
    for (const fault of await look(state, chat)) found.push(`${state}: ${fault}`)
  })
  return found
}

const LOOKS: [name: string, size: OpenOptions, locale: string][] = [
  ['desk-en', DESK, 'en-GB'],
  ['desk-zh', DESK, 'zh-CN'],
  ['phone-en', PHONE, 'en-GB'],
  ['phone-zh', PHONE, 'zh-CN'],
]

test.each(LOOKS)('nothing is cut off in any state, %s, and each is pictured in the light and in the dark', async (name, size, locale) => {
  const found = await walk({ ...size, locale }, async (state, { page }) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await noneMoves(page)
      await page.screenshot({ path: join(SCREENS, `${state} ${name} ${colorScheme}.png`) })
    }
    return cutOff(page)
  })
  expect(found).toEqual([])
})

test('at 200 % nothing is cut off, all controls can be reached, and nothing moves for a reader who wants no motion', async () => {
  // Half as many pixels, each twice as large, of a window of 1280 by 860.
  const zoomed: OpenOptions = { viewport: { width: 640, height: 430 }, deviceScaleFactor: 2, reducedMotion: 'reduce', locale: 'en-GB' }
  const found = await walk(zoomed, async (state, { page }) => {
    await page.screenshot({ path: join(SCREENS, `${state} zoomed.png`) })
    const covered = await unreachable(page)
    return [...(await cutOff(page)), ...covered, ...(await moving(page)).map((what) => `${what} moves`)]
  })
  expect(found).toEqual([])
})

test('a language that runs from right to left is one file: the page is mirrored by it, and nothing is cut off or covered', async () => {
  const found = await walk({ ...DESK, locale: 'zh-CN', prepare: turnAround }, async (state, { page }) => {
    await page.screenshot({ path: join(SCREENS, `${state} right-to-left.png`) })
    const faults = [...(await cutOff(page)), ...(await unreachable(page)), ...(await wrongIcons(page))]
    const mirrored = await places(page)
    expect(await page.evaluate(() => document.documentElement.dir)).toBe('rtl')
    await setDirection(page, 'ltr')
    const plain = await places(page)
    await setDirection(page, 'rtl')
    for (const [landmark, [start, end]] of Object.entries(plain)) {
      const [otherStart, otherEnd] = mirrored[landmark] ?? [NaN, NaN]
      // One that says the time grows at its other end meanwhile.
      const isMirrored = Math.abs(otherStart - start) <= 2 || Math.abs(otherEnd - end) <= 2
      if (!isMirrored) faults.push(`${landmark} is at ${start} to ${end}, and mirrored at ${otherStart} to ${otherEnd}`)
    }
    return faults
  })
  expect(found).toEqual([])
})

test('300 people who come one after the other are one line, for those who see it and for those who come back later', async () => {
  const { url } = linger.server
  await stage.bob.openRoom('hall')
  await stage.bob.say('Come in!', 'hall')
  const ann = await linger.open({ name: 'ann at the door', ...DESK })
  const mo = await linger.open({ name: '门口的人', ...PHONE, locale: 'zh-CN' })
  for (const chat of [ann, mo]) {
    await chat.page.goto(`${url}/r/hall`)
    await chat.isReady()
  }
  await mo.context.setOffline(true)
  await mo.is('offline')
  for (let come = 0; come < 300; come += 10) {
    await Promise.all(Array.from({ length: 10 }, async (_, one) => (await Person.arrive(url, `guest ${come + one}`)).join('hall')))
  }
  await stage.bob.say('Sit down.', 'hall')
  await mo.context.setOffline(false)
  for (const [{ page }, sentence, name] of [[ann, '300 people joined', 'desk-en'], [mo, '300 人加入了', 'phone-zh']] as const) {
    const line = page.locator('.notice', { hasText: sentence })
    await line.waitFor()
    await page.getByText('Sit down.').first().waitFor()
    expect(await page.locator('[role=log] > *').count()).toBeLessThan(6)
    expect((await line.boundingBox())?.height).toBeLessThan(40)
    expect(await cutOff(page)).toEqual([])
    await page.screenshot({ path: join(SCREENS, `joins ${name}.png`) })
    await line.locator('summary').click()
    expect(await line.locator('p').innerText()).toContain('guest 299')
    expect(await cutOff(page)).toEqual([])
  }
  await ann.reload()
  await ann.endsWith(['Come in!', 'Sit down.'])
  expect(await ann.page.locator('.notice:not(.beginning)').count()).toBe(0)
})

/** Serves the Chinese words as a language of the other direction. */
async function turnAround(context: BrowserContext): Promise<void> {
  await context.route('**/assets/zh-*.js', async (route) => {
    const answer = await route.fetch()
    const body = (await answer.text()).replace(/direction:([`'"])ltr\1/, 'direction:$1rtl$1')
    await route.fulfill({ response: answer, body })
  })
}

/** Returns the icons that point into a direction of reading and were not turned around. */
function wrongIcons(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const turned = [...document.querySelectorAll('.flips')].filter((icon) => icon.checkVisibility())
    return turned.filter((icon) => getComputedStyle(icon).scale !== '-1 1').map((icon) => `${icon.parentElement?.className} points the wrong way`)
  })
}

async function setDirection(page: Page, direction: 'ltr' | 'rtl'): Promise<void> {
  await page.evaluate((dir) => (document.documentElement.dir = dir), direction)
  await noneMoves(page)
}

/** Waits until colours and places have changed. */
async function noneMoves(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await new Promise(requestAnimationFrame)
    await Promise.all(document.getAnimations().filter(({ effect }) => effect?.getTiming().iterations !== Infinity).map(({ finished }) => finished.catch(() => null)))
  })
}
