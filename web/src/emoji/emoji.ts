// Emoji by name, in the reader's language.
//
// Loaded on demand, some 40 KB a language: by the picker, and by the completion of
// `:name`. The data is made by tools/emoji.mjs.
import { language } from '../i18n'

export interface Emoji {
  emoji: string
  name: string
  /** What it is found by besides its name: short names first, parted by spaces. */
  words: string
  /** Its place in `GROUPS`. */
  group: number
}

/** The groups of emoji, in the order of the keys of their words. */
export const GROUPS_COUNT = 9

type Row = [emoji: string, name: string, words: string, group: number]

let loaded: { of: string; all: Promise<Emoji[]> } | undefined

/** Returns all emoji, in the order in which they are shown. */
export function loadEmoji(): Promise<Emoji[]> {
  const of = language
  if (loaded?.of !== of) loaded = { of, all: read(of) }
  // One that failed is asked for again.
  loaded.all.catch(() => (loaded = undefined))
  return loaded.all
}

async function read(of: string): Promise<Emoji[]> {
  const { default: rows } = of === 'zh' ? await import('./data/zh.json') : await import('./data/en.json')
  return (rows as Row[]).map(([emoji, name, words, group]) => ({ emoji, name, words, group }))
}

/** Returns at most `limit` emoji that are found by what was typed, the nearest first. */
export function findEmoji(all: readonly Emoji[], typed: string, limit: number): Emoji[] {
  const wanted = typed.toLowerCase().replaceAll('_', ' ').trim()
  if (wanted === '') return all.slice(0, limit)
  const ranks: Emoji[][] = [[], [], []]
  for (const emoji of all) {
    const name = emoji.name.toLowerCase()
    const words = ` ${name} ${emoji.words.replaceAll('_', ' ')}`
    const rank = name.startsWith(wanted) || emoji.words.replaceAll('_', ' ').startsWith(wanted) ? 0 : words.includes(` ${wanted}`) ? 1 : words.includes(wanted) ? 2 : -1
    ranks[rank]?.push(emoji)
  }
  return ranks.flat().slice(0, limit)
}
