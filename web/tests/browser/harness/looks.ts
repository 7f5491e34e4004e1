// The looks of the page that are judged one by one, and what axe-core finds wrong with a screen.
//
// Called by the tests of accessibility. Pictures are kept in `.screens/`, to be looked at.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type * as Axe from 'axe-core'
import type { Chat } from './chat'
import type { OpenOptions } from './linger'
import { WEB } from './programs'

/** Pictures of all states; nothing compares them, people look at them. */
const SCREENS = join(WEB, 'tests/browser/.screens')

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

const DESK = { viewport: { width: 1360, height: 860 }, locale: 'en-GB' }
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true, locale: 'en-GB' }
export const LOOKS: { look: string; options: OpenOptions }[] = [
  { look: 'in the light', options: { ...DESK, colorScheme: 'light' } },
  { look: 'in the dark', options: { ...DESK, colorScheme: 'dark' } },
  { look: 'on a phone', options: { ...PHONE, colorScheme: 'light' } },
  { look: 'on a phone in the dark, in Chinese', options: { ...PHONE, colorScheme: 'dark', locale: 'zh-CN' } },
  { look: 'in Chinese', options: { ...DESK, colorScheme: 'light', locale: 'zh-CN' } },
  { look: 'with forced colours', options: { ...DESK, forcedColors: 'active' } },
]

/** Returns one line for each thing that axe-core finds wrong. */
export async function findings(chat: Chat): Promise<string[]> {
  await chat.isStill()
  // As a debugger does it: a script element would be stopped by the policy.
  await chat.page.evaluate(AXE)
  return chat.page.evaluate(async (rules) => {
    const { axe } = window as unknown as { axe: typeof Axe }
    const { violations } = await axe.run({ runOnly: rules })
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id} ${target}: ${failureSummary}`))
  }, RULES)
}

/** Keeps a picture of the screen, to be looked at. */
export async function shoot(chat: Chat, state: string, look: string): Promise<void> {
  await chat.isStill()
  await chat.page.screenshot({ path: join(SCREENS, `${state} ${look}.png`) })
}
