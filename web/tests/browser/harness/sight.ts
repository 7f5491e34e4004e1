// The faults of a screen for the eye and the hand: too wide, cut off, covered.
//
// Called in each state by the tests that judge every screen. It looks at where
// things are, as a reader would, and knows nothing of components.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import type { OpenOptions } from './linger'
import { WEB } from './programs'

/** Pictures of all states; nothing compares them, people look at them. */
const SCREENS = join(WEB, 'tests/browser/.screens')

export const DESK: OpenOptions = { viewport: { width: 1360, height: 860 } }
export const PHONE: OpenOptions = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true }

/** Looks that a screen is judged in, where not all of them are walked through. */
export const LOOKS: [look: string, options: OpenOptions][] = [
  ['desk-en light', { ...DESK, locale: 'en-GB', colorScheme: 'light' }],
  ['desk-en dark', { ...DESK, locale: 'en-GB', colorScheme: 'dark' }],
  ['phone-en dark', { ...PHONE, locale: 'en-GB', colorScheme: 'dark' }],
  ['phone-zh light', { ...PHONE, locale: 'zh-CN', colorScheme: 'light' }],
]

/** Keeps a picture of the screen, to be looked at. */
export async function picture(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENS, { recursive: true })
  await page.screenshot({ path: join(SCREENS, `${name}.png`) })
}

/** Returns a line for each thing that is wider than the window, or cut off without a sign. */
export function cutOff(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: [fault: string, element: Element][] = []
    const { documentElement: root } = document
    // A long name in a line that ends with an ellipsis is as long as it is, in any font.
    const lines = [...document.querySelectorAll('body *')].filter((line) => {
      const { overflowX, textOverflow } = getComputedStyle(line)
      return textOverflow === 'ellipsis' && overflowX !== 'visible'
    })
    if (root.scrollWidth > innerWidth) found.push(['is wider than the window', root])
    for (const element of document.querySelectorAll<HTMLElement>('body *')) {
      if (element.closest('.hidden, .skip, svg, option') || !element.checkVisibility({ visibilityProperty: true })) continue
      const { left, right, width } = element.getBoundingClientRect()
      const { overflowX, textOverflow } = getComputedStyle(element)
      const isBeyond = width > 0 && (left < -1 || right > innerWidth + 1)
      if (isBeyond && !lines.some((line) => line !== element && line.contains(element))) found.push(['goes beyond the window', element])
      const isScrolled = overflowX === 'auto' || overflowX === 'scroll'
      const hasSign = textOverflow === 'ellipsis' || element.matches('input, textarea, select')
      if (element.scrollWidth <= element.clientWidth + 1 || element.clientWidth === 0 || overflowX === 'visible') continue
      if (isScrolled && !element.matches('pre, code')) found.push(['scrolls sideways', element])
      else if (!isScrolled && !hasSign) found.push(['is cut off', element])
    }
    return found.map(([fault, { tagName, className, textContent }]) => `${tagName}.${String(className)} "${textContent?.trim().slice(0, 30)}" ${fault}`)
  })
}

/** Returns a line for each control that cannot be brought into sight, or has something else over it. */
export function unreachable(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const top = document.querySelector('dialog[open]') ?? document
    const found: string[] = []
    for (const control of top.querySelectorAll<HTMLElement>('a[href], button, input, select, textarea, summary')) {
      const isMeant = control.checkVisibility({ visibilityProperty: true }) && !control.closest('.skip, .said, .hidden')
      if (!isMeant || control.matches(':disabled')) continue
      control.scrollIntoView({ block: 'nearest', inline: 'nearest' })
      const { left, top: y, width, height } = control.getBoundingClientRect()
      const at = document.elementFromPoint(left + width / 2, y + height / 2)
      const isThere = at !== null && (control.contains(at) || at.contains(control) || control.closest('label')?.contains(at) === true)
      const what = control.getAttribute('aria-label') ?? control.textContent?.trim().slice(0, 30)
      if (!isThere) found.push(`"${what}" is covered by ${at?.className ?? 'nothing'}`)
    }
    return found
  })
}

/** Returns what moves by itself. */
export function moving(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const running = document.getAnimations().filter(({ playState }) => playState === 'running')
    return running.map((animation) => {
      const { target, pseudoElement } = animation.effect as KeyframeEffect
      return `${target?.className}${pseudoElement ?? ''}`
    })
  })
}

/** Returns where the landmarks of a screen begin and end, counted from where its lines begin. */
export function places(page: Page): Promise<Record<string, [start: number, end: number]>> {
  return page.evaluate(() => {
    const LANDMARKS = ['.rail', '.rail-top .tool', '.find .icon', '.me .avatar', '.me .tool', '.room', '.head h1', '.head .back', '.people-count', '.aside', '.aside .tool', '.aside .avatar', '.group:last-of-type .avatar', '.group:last-of-type .text', '.linger', '.strip .state', '#composer', '.send', '.wire', '.wire .close', '.requests .what', '.totals', '.weather input', 'dialog[open] .tool', '.key-list dt', '.step h2', '.drawing']
    const isRightToLeft = document.documentElement.dir === 'rtl'
    const found: Record<string, [number, number]> = {}
    for (const landmark of LANDMARKS) {
      const element = document.querySelector(landmark)
      if (!element?.checkVisibility()) continue
      const { left, right } = element.getBoundingClientRect()
      found[landmark] = (isRightToLeft ? [innerWidth - right, innerWidth - left] : [left, right]).map(Math.round) as [number, number]
    }
    return found
  })
}

/** Lets colours and places change, without the time that it takes: what ends by itself is at its end at once. */
export async function noneMoves(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await new Promise(requestAnimationFrame)
    for (const animation of document.getAnimations()) if (animation.effect?.getComputedTiming().endTime !== Infinity) animation.finish()
    await new Promise(requestAnimationFrame)
  })
}
