// An exchange as a line for a shell, which gives what the drawer showed.
//
// Called by the drawer. A line for what visitors may read runs as pasted; another
// names $TOKEN, and a second line makes a guest and keeps its token there.
import type { Exchange } from './protocol'

export interface CurlLines {
  line: string
  /** Null where the line needs no token. */
  tokenLine: string | null
}

export interface CurlPlace {
  /** Of the server: scheme, host and port. */
  origin: string
  /** Whether the browser asks without a session. */
  isVisitor: boolean
  /** Whether a visitor may read the room. */
  isOpen(room: string): boolean
}

export function curlLines(exchange: Exchange, place: CurlPlace): CurlLines {
  const { method, path, transport, after, body } = exchange
  const needsToken = !isForVisitors(exchange, place)
  const isStream = transport === 'sse' && !path.includes('wait=')
  const words = [
    'curl',
    // Pieces of a stream are shown as they come.
    isStream && '-N',
    method !== 'GET' && `-X ${method}`,
    needsToken && '-H "Authorization: Bearer $TOKEN"',
    isStream && "-H 'Accept: text/event-stream'",
    isStream && after !== undefined && `-H ${quote(`Last-Event-ID: ${after}`)}`,
    body !== undefined && `-H 'Content-Type: application/json' -d ${quote(body)}`,
    quote(place.origin + shownPath(exchange)),
  ]
  return { line: words.filter(Boolean).join(' '), tokenLine: needsToken ? tokenLine(place.origin) : null }
}

/** More has happened since: the page ends where the one that was shown ended. */
function shownPath({ kind, outcome, events, path }: Exchange): string {
  const isPage = kind === 'events' && outcome === 'news' && path.includes('after=')
  return isPage && events ? `${path.replace(/&limit=\d+/, '')}&limit=${events}` : path
}

function isForVisitors({ method, path, isOwn }: Exchange, { isVisitor, isOpen }: CurlPlace): boolean {
  if (method !== 'GET') return false
  if (isVisitor) return true
  const { pathname, searchParams } = new URL(path, 'http://any')
  const room = /\/rooms\/([^/]+)/.exec(pathname)?.[1]
  if (room !== undefined) return isOpen(decodeURIComponent(room))
  const named = searchParams.get('rooms')?.split(',') ?? []
  return pathname.endsWith('/events') && !isOwn && named.length > 0 && named.every(isOpen)
}

function tokenLine(origin: string): string {
  const guest = `curl -s -X POST -H 'Content-Type: application/json' -d '{}' ${quote(`${origin}/api/v1/guests`)}`
  return `TOKEN=$(${guest} | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}
