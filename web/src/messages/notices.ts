// The sentences that notices make: ann joined, bob and cleo left, 300 people joined.
//
// Called by NoticeLine. Names are isolated, so that one in another script does
// not turn the sentence around.
import type { NoticeItem, NoticeKind } from '../feed/timeline'
import { words } from '../i18n'
import { formatList } from '../i18n/times'

/** More people than this are counted, not named. */
const NAMED_MAX = 4

interface Run {
  what: NoticeKind
  by: string
  names: string[]
}

/** Returns one sentence for all, and the names where it only counts them. */
export function tellNotices(notices: readonly NoticeItem[]): { sentence: string; names: string | null } {
  const runs: Run[] = []
  for (const { what, by, member } of notices) {
    const isByOther = what === 'added' || what === 'removed'
    const doer = isByOther ? isolate(by?.name) : ''
    const last = runs.at(-1)
    const name = isolate((member ?? by)?.name)
    if (last?.what !== what || last.by !== doer) runs.push({ what, by: doer, names: [name] })
    else if (!last.names.includes(name)) last.names.push(name)
  }
  const counted = runs.filter(({ names }) => names.length > NAMED_MAX)
  return {
    sentence: runs.map(say).join(' · '),
    names: counted.length > 0 ? counted.map(({ names }) => formatList(names)).join(' · ') : null,
  }
}

function say({ what, by, names }: Run): string {
  const isMany = names.length > NAMED_MAX
  const list = formatList(names)
  switch (what) {
    case 'opened':
      return names[0] === words.server ? words.openedByServer : words.opened(list)
    case 'joined':
      return isMany ? words.manyJoined(names.length) : words.joined(list)
    case 'left':
      return isMany ? words.manyLeft(names.length) : words.left(list)
    case 'changed':
      return words.changedRoom(list)
    case 'added':
      return isMany ? words.manyAdded(by, names.length) : words.added(by, list)
    case 'removed':
      return isMany ? words.manyRemoved(by, names.length) : words.removed(by, list)
  }
}

const FIRST_STRONG_ISOLATE = '\u2068'
const POP_ISOLATE = '\u2069'
const RIGHT_TO_LEFT = /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC]/

/** Returns a name that cannot wander off in a sentence of the other direction. */
export function isolate(name: string | undefined): string {
  if (!name) return words.server
  return RIGHT_TO_LEFT.test(name) ? FIRST_STRONG_ISOLATE + name + POP_ISOLATE : name
}
