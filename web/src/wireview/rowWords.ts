// The texts of a row of the time line.
//
// Called by RequestRow. One exchange goes in, its texts come out; the outcome is
// never told by a colour alone.
import { wireWords } from '../i18n/wire'
import type { Exchange } from '../wire/protocol'
import { formatBytes, formatDuration, formatSeconds } from './formats'
import type { Row } from './rows'
import { shortCursor } from './rows'

/** How a row looks: out, answered, or gone wrong. */
export type RowLook = 'held' | 'out' | 'sent' | 'answered' | 'cut'

export function rowLook({ exchange: { kind, outcome }, held }: Row): RowLook {
  if (outcome === 'cut' || outcome === 'refused') return 'cut'
  if (held !== null) return 'held'
  if (outcome === 'out') return 'out'
  return kind === 'send' ? 'sent' : 'answered'
}

/** Returns "GET events"; what has no kind is called by the end of its path. */
export function requestName({ method, kind, path }: Exchange): string {
  const words = wireWords()
  const place = path.split('?')[0]?.split('/').at(-1) ?? ''
  return `${method} ${words.kinds[kind] || decodeURIComponent(place)}`
}

/** Returns how it ended, or how long it has waited, and its size. */
export function answerText({ exchange, tookMs, held }: Row): string {
  const words = wireWords()
  const { outcome, transport, events = 0 } = exchange
  const size = exchange.bytes ? [formatBytes(exchange.bytes)] : []
  const news = events > 0 ? [words.events(events)] : []
  const status = exchange.status ? [String(exchange.status)] : []
  switch (outcome) {
    case 'out':
      if (held === null) return words.onTheWay
      if (transport !== 'sse') return words.heldFor(formatSeconds(tookMs))
      return [...news, words.openFor(formatSeconds(tookMs))].join(', ')
    case 'news':
      return [...news, ...size].join(', ')
    case 'empty':
      return [words.noNews, ...size].join(', ')
    case 'done':
      return [...status, ...size].join(', ')
    case 'refused':
      return [...status, words.refused].join(', ')
    case 'cut':
      return words.cutAfter(formatDuration(tookMs))
    case 'given_up':
      return words.givenUp(formatDuration(tookMs))
  }
}

/** Returns the cursor that came back, or that none has, or none will. */
export function cursorBack({ exchange: { kind, cursor, endedAt }, held }: Row): string {
  const words = wireWords()
  if (cursor !== undefined) return shortCursor(cursor)
  if (kind !== 'events') return ''
  if (held !== null) return words.waiting
  return endedAt === null ? '' : words.noCursor
}
