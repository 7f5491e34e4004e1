// @vitest-environment node
// The newest pages, and which of them a tab that joins may be told.
import { expect, it } from 'vitest'
import { createRecentPages } from '../src/wire/recentPages'
import type { RecentPages } from '../src/wire/recentPages'
import { ann, message, sent } from './cast'

/** Pages c0 to c1, c1 to c2 …, with a message of `length` letters each. */
function keep(count: number, length = 10, rooms = ['tea']): RecentPages {
  const recent = createRecentPages()
  for (let page = 0; page < count; page += 1) {
    recent.add({ from: `c${page}`, to: `c${page + 1}`, events: [sent(message(page + 1, ann, 'x'.repeat(length)))], rooms })
  }
  return recent
}

const count = (recent: RecentPages, cursor: string, rooms = ['tea']) => recent.after(cursor, rooms)?.length ?? null

it.each<[string, RecentPages, string, number | null]>([
  ['all from the first on', keep(3), 'c0', 3],
  ['the last one alone', keep(3), 'c2', 1],
  ['none at the newest cursor', keep(3), 'c3', 0],
  ['nothing is known of a cursor from elsewhere', keep(3), 'x1', null],
  ['nothing is known before there are pages', keep(0), 'c0', null],
  ['200 pages are kept', keep(250), 'c50', 200],
  ['a page more is not', keep(250), 'c49', null],
  ['long texts weigh more', keep(250, 4000), 'c150', 100],
  ['and fewer of them are kept', keep(250, 4000), 'c100', null],
])('%s', (_name, recent, cursor, expected) => {
  expect(count(recent, cursor)).toBe(expected)
})

it('pages that leave out a room of the tab are not for it', () => {
  expect([count(keep(3), 'c0', ['cake', 'tea']), count(keep(3), 'c0', [])]).toEqual([null, 3])
})
