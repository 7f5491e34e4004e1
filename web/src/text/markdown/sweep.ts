// Layers as entities: in order, nested or apart.
//
// One sweep over the text, as in the server's `markdown/sweep.rs`. A style that would
// cross something is closed there, and opened again.
import type { Entity } from '../../api/types'
import { STYLES } from './layers'
import type { Layers, Span } from './layers'

interface Layer extends Span {
  /** Where two cross, the one with the higher rank is cut. */
  rank: number
  entity: Omit<Entity, 'offset' | 'length'>
}

/** Returns the entities. */
export function entitiesOf(layers: Layers): Entity[] {
  const coming = layersOf(layers).sort(inOrder)
  const done: Layer[] = []
  let open: Layer[] = []
  let next = 0
  for (;;) {
    const at = Math.min(coming[next]?.start ?? Infinity, ...open.map(({ end }) => end))
    if (at === Infinity) break
    const begun: Layer[] = []
    while (coming[next]?.start === at) begun.push(coming[next++]!)
    const ended = open.findIndex(({ end }) => end === at)
    const kept = Math.min(...[ended, ...begun.map((layer) => crossedBy(open, layer, at))].map((place) => (place < 0 ? open.length : place)))
    for (const layer of open.slice(kept)) {
      done.push({ ...layer, end: at })
      if (layer.end > at) begun.push({ ...layer, start: at })
    }
    open = [...open.slice(0, kept), ...begun.sort((one, other) => other.end - one.end || one.rank - other.rank)]
  }
  return done.sort(inOrder).map(({ start, end, entity: { type, ...rest } }) => ({ type, offset: start, length: end - start, ...rest }))
}

/** Returns the first of what is open that has to make way for a new layer; -1 for none. */
function crossedBy(open: Layer[], layer: Layer, at: number): number {
  let first = open.length
  while (first > 0 && !(open[first - 1]!.rank <= layer.rank && open[first - 1]!.end > at)) first -= 1
  const place = open.slice(first).findIndex(({ end }) => end < layer.end)
  return place < 0 ? -1 : first + place
}

function inOrder(one: Layer, other: Layer): number {
  return one.start - other.start || other.end - one.end || one.rank - other.rank
}

function layersOf(layers: Layers): Layer[] {
  const { text } = layers
  const plain = (spans: Span[], rank: number, type: Entity['type']) => spans.map((span) => ({ ...span, rank, entity: { type } }))
  const links = layers.links.map(({ target, ...span }): Layer => {
    if ('user' in target) return { ...span, rank: 2, entity: { type: 'mention', user: target.user } }
    const isWords = target.url === text.slice(span.start, span.end)
    return { ...span, rank: 2, entity: isWords ? { type: 'url' } : { type: 'link', url: target.url } }
  })
  const pres = layers.pres.map(({ language, start, end }): Layer => {
    return { start, end, rank: 1, entity: { type: 'pre', ...(language === undefined ? {} : { language }) } }
  })
  const styles = STYLES.flatMap((style, place) => plain(layers.styles[place]!, 3 + place, style))
  return [
    ...plain(layers.quotes, 0, 'quote'),
    ...pres,
    ...links,
    ...plain(layers.alls, 2, 'mention_all'),
    ...styles,
    ...plain(layers.codes, 3 + STYLES.length, 'code'),
  ]
}
