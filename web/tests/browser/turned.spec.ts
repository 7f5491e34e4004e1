// Every state of the page for readers who enlarge it, read from right to left, or want no motion: nothing is
// cut off, covered or turned the wrong way. And a crowd at the door.
import type { BrowserContext, Page } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import { useLinger } from './harness/linger'
import type { OpenOptions } from './harness/linger'
import { Person } from './harness/person'
import { cutOff, DESK, moving, noneMoves, PHONE, picture, places, unreachable } from './harness/sight'
import { setStage } from './harness/stage'
import type { Stage } from './harness/stage'
import { walk, WALKS } from './harness/tour'

const linger = useLinger()
let stage: Stage

beforeAll(async () => {
  stage = await setStage(linger.server.url)
})

test.each(WALKS)('twice as large, nothing %s is cut off, all controls can be reached, and nothing moves for a reader who wants no motion', async (kind) => {
  // Half as many pixels, each twice as large, of a window of 1280 by 860.
  const zoomed: OpenOptions = { viewport: { width: 640, height: 430 }, deviceScaleFactor: 2, reducedMotion: 'reduce', locale: 'en-GB' }
  const found = await walk(linger, stage, kind, zoomed, async (state, { page }) => {
    await picture(page, `${state} zoomed`)
    const covered = await unreachable(page)
    return [...(await cutOff(page)), ...covered, ...(await moving(page)).map((what) => `${what} moves`)]
  })
  expect(found).toEqual([])
})

test.each(WALKS)('a language that runs from right to left is one file: the page is mirrored by it, and nothing %s is cut off or covered', async (kind) => {
  const found = await walk(linger, stage, kind, { ...DESK, locale: 'zh-CN', prepare: turnAround }, async (state, { page }) => {
    await picture(page, `${state} right-to-left`)
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
    await picture(page, `joins ${name}`)
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
