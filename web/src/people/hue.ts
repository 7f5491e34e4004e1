// A person's colour, as a class: the policy allows no style in the server's HTML,
// which has the same classes.

/** Steps round the colour circle so that neighbouring ids look unlike each other. */
const GOLDEN_ANGLE = 137.508
const STEP = 15

/** Returns the class of somebody's hue; the server itself has the first one. */
export function hueClass(id: number | undefined): string {
  const hue = ((id ?? 0) * GOLDEN_ANGLE) % 360
  return `hue-${Math.floor(hue / STEP) * STEP}`
}

/** Returns the first letter of a name as people see letters, in capitals. */
export function initialOf(name: string): string {
  const first = 'Segmenter' in Intl ? firstGrapheme(name) : String.fromCodePoint(name.codePointAt(0) ?? 63)
  return first.toLocaleUpperCase()
}

function firstGrapheme(name: string): string {
  for (const { segment } of new Intl.Segmenter().segment(name)) return segment
  return ''
}
