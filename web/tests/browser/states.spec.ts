// Every state of the page, as readers of all kinds have it: nothing is cut off, and axe-core finds nothing.
//
// The pictures in `.screens` are for people to look at; nothing compares them.
import { beforeAll, expect, test } from 'vitest'
import { findings } from './harness/axe'
import { useLinger } from './harness/linger'
import type { OpenOptions } from './harness/linger'
import { cutOff, DESK, noneMoves, PHONE, picture } from './harness/sight'
import { setStage } from './harness/stage'
import type { Stage } from './harness/stage'
import { walk, WALKS } from './harness/tour'

const linger = useLinger()
let stage: Stage

beforeAll(async () => {
  stage = await setStage(linger.server.url)
})

type Colours = 'light' | 'dark' | 'forced'

/** Each is looked at in its colours, the first time with all rules. */
const LOOKS: { look: string; options: OpenOptions; allColours: Colours[] }[] = [
  { look: 'desk-en', options: { ...DESK, locale: 'en-GB' }, allColours: ['light', 'dark', 'forced'] },
  { look: 'desk-zh', options: { ...DESK, locale: 'zh-CN' }, allColours: ['light', 'dark'] },
  { look: 'phone-en', options: { ...PHONE, locale: 'en-GB' }, allColours: ['light', 'dark'] },
  { look: 'phone-zh', options: { ...PHONE, locale: 'zh-CN' }, allColours: ['dark', 'light'] },
]
const ALL = LOOKS.flatMap((look) => WALKS.map((kind) => [kind, look.look, look] as const))

test.each(ALL)('nothing is cut off and nothing hard to use in any state %s, %s, in all colours', async (kind, name, { options, allColours }) => {
  const found = await walk(linger, stage, kind, options, async (state, { page }) => {
    const faults = await cutOff(page)
    for (const colours of allColours) {
      await page.emulateMedia(colours === 'forced' ? { colorScheme: 'light', forcedColors: 'active' } : { colorScheme: colours, forcedColors: 'none' })
      await noneMoves(page)
      await picture(page, `${state} ${name} ${colours}`)
      faults.push(...(await findings(page, { ofColour: colours !== allColours[0] })).map((fault) => `${colours}: ${fault}`))
    }
    return faults
  })
  expect(found).toEqual([])
})

test('marks that are piled up stay within their own message', async () => {
  const ann = await linger.open({ name: 'ann with marks' })
  await ann.say(`Z${'\u0300\u0323'.repeat(30)} stays`)
  await ann.say('below')
  await ann.endsWith([`Z${'\u0300\u0323'.repeat(30)} stays`, 'below'])
  const overflow = await ann.page.locator('.said .text').first().evaluate((text) => getComputedStyle(text).overflow)
  expect(overflow).toBe('clip')
})
