// @vitest-environment node
// How long requests are held, after what happened to those before.
import { describe, expect, it } from 'vitest'
import { createHold, HOLD_S } from '../src/wire/hold'
import type { Hold } from '../src/wire/hold'
import { createFakePlatform } from './fakePlatform'

/** A story of requests: `cut 10` after ten seconds, `504 10` by a proxy that says so, `ok 3`, `wait 300` without any. */
async function tell(story: string): Promise<Hold> {
  const { clock } = createFakePlatform()
  const hold = createHold(clock)
  for (const step of story.split(', ').filter(Boolean)) {
    const [what, seconds = '0'] = step.split(' ')
    const ms = Number(seconds) * 1000
    const asked = hold.seconds()
    await clock.pass(ms)
    if (what === 'cut' || what === '504') hold.hasFailed(asked, ms, what === '504')
    if (what === 'ok') hold.wasAnswered(asked, ms)
  }
  return hold
}

describe('the hold', () => {
  it.each<[string, string, number]>([
    ['is the usual one at first', '', HOLD_S],
    ['stays after one cut', 'cut 20', HOLD_S],
    ['is shorter than half after two at about the same time: the browser repeated them', 'cut 20, cut 21', 8],
    ['stays below the sooner of two where the browser repeated but one', 'cut 20, cut 10', 8],
    ['stays below the sooner of two where the browser repeated but the later', 'cut 10, cut 21', 8],
    ['is shorter, with a margin, where a proxy tells of the cut', '504 10, 504 10.9', 8],
    ['is shorter although news came in between', 'cut 20, ok 1, ok 3, cut 20', 8],
    ['stays after two cuts at different times', 'cut 5, cut 17', HOLD_S],
    ['stays where a request went through that was held for longer', 'cut 10, ok 20, cut 10', HOLD_S],
    ['stays after failures at once: nobody was there', 'cut 0.1, cut 0.1, cut 0.1', HOLD_S],
    ['is shorter again where it is still too long', '504 20, 504 20, 504 10, 504 10', 8],
    ['is never below a second', 'cut 2, cut 2', 1],
    ['is shorter where nothing came at all', 'cut 35, cut 35', 10],
    ['is tried at twice its length after five minutes', 'cut 20, cut 20, wait 300', 16],
    ['that was cut when it was tried is short again', 'cut 20, cut 20, wait 300, cut 20', 8],
    ['is then tried after twice the time', 'cut 20, cut 20, wait 300, cut 20, wait 599', 8],
    ['is then tried after twice the time, and a moment', 'cut 20, cut 20, wait 300, cut 20, wait 600', 16],
    ['stays longer where a try went through', 'cut 20, cut 20, wait 300, ok 16, wait 299', 16],
    ['is the usual one again after such tries', 'cut 20, cut 20, wait 300, ok 16, wait 300, ok 25, wait 9999', HOLD_S],
    ['that news ended soon is no such try', 'cut 20, cut 20, wait 300, ok 2, cut 20', 8],
  ])('%s (%s)', async (_name, story, expected) => {
    expect((await tell(story)).seconds()).toBe(expected)
  })
})

it.each<[string, string, boolean]>([
  ['after four failures in a row', 'cut 0.1, cut 0.1, cut 0.1, cut 0.1', true],
  ['not where one was answered in between', 'cut 0.1, cut 0.1, cut 0.1, ok 1, cut 0.1', false],
  ['not where shorter ones may do', 'cut 20, cut 20, cut 6, cut 6', false],
])('holding is hopeless %s', async (_name, story, expected) => {
  expect((await tell(story)).isHopeless()).toBe(expected)
})
