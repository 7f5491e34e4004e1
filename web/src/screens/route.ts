// The addresses of the page's screens, and what each stands for.
//
// Pure. `/` is the lobby in place, `/r/{room}` a room, `/r/{room}/{number}` a
// message in it. On a phone one thing is shown at a time: `#rooms` and `#people`
// show what lies beside the room, as `#pins` does, and are steps of the history.

export const LOBBY = 'lobby'

const PANELS = ['rooms', 'people', 'pins'] as const
export type Panel = (typeof PANELS)[number]

export type Route = { panel: Panel | null } & (
  | { screen: 'room'; room: string; number: number | null }
  | { screen: 'browse' }
  | { screen: 'settings' }
  | { screen: 'how' }
  | { screen: 'nothing' }
)

/** Returns the route of an address, which may be of any shape. */
export function parseRoute(pathname: string, hash = ''): Route {
  const panel = PANELS.find((name) => hash === `#${name}`) ?? null
  const parts = pathname.replace(/^\/|\/$/g, '').split('/')
  const [first = '', room, number] = parts
  if (parts.length === 1 && first === '') return { screen: 'room', room: LOBBY, number: null, panel }
  if (parts.length === 1 && first === 'rooms') return { screen: 'browse', panel }
  if (parts.length === 1 && first === 'settings') return { screen: 'settings', panel }
  if (parts.length === 1 && first === 'how') return { screen: 'how', panel }
  const slug = decode(room ?? '')
  if (first !== 'r' || slug === '' || parts.length > 3) return { screen: 'nothing', panel }
  if (number === undefined) return { screen: 'room', room: slug, number: null, panel }
  if (!/^[1-9]\d{0,15}$/.test(number)) return { screen: 'nothing', panel }
  return { screen: 'room', room: slug, number: Number(number), panel }
}

export function roomPath(room: string, number?: number): string {
  const path = `/r/${encodeURIComponent(room)}`
  return number === undefined ? path : `${path}/${number}`
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return ''
  }
}
