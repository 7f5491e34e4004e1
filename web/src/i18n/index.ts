// The language of this page and its words.
//
// Imported by the components. The choice in the settings decides, else the
// browser's list of languages; a reader of neither gets English. English comes
// with the page, for it is also what shows where another language cannot be
// loaded; every other one is a file of its own that is loaded when it is spoken.
import { shallowRef } from 'vue'
import { readItem, storeItem } from '../storage'
import { words as english } from './languages/en'
import type { Words } from './languages/en'
import { setLocale } from './times'

const files = import.meta.glob<Words>(['./languages/*.ts', '!./languages/en.ts'], { import: 'words' })

/** The tags of the languages that the page speaks. */
export const languages = ['en', ...Object.keys(files).map((path) => path.replace(/^.*\/|\.ts$/g, ''))].sort()

/** The words of the language that is spoken. */
export let words: Words = english
/** Its tag. */
export let language = 'en'
/** The same. Components keyed by it are made anew in the other language. */
export const spoken = shallowRef(language)

/** Returns the first language of the list that is among `known`. */
export function chooseLanguage(preferred: readonly string[], known: readonly string[] = languages): string {
  for (const tag of preferred) {
    const found = known.find((other) => new RegExp(`^${other}\\b`, 'i').test(tag))
    if (found !== undefined) return found
  }
  return 'en'
}

/** Speaks what the reader chose, or else their browser's language. */
export function speakFirst(): Promise<void> {
  const chosen = readItem('language')
  return speak(chosen !== null && languages.includes(chosen) ? chosen : chooseLanguage(navigator.languages))
}

/** Speaks this language from now on, and remembers it. */
export function chooseToSpeak(tag: string): Promise<void> {
  storeItem('language', tag)
  return speak(tag)
}

async function speak(tag: string): Promise<void> {
  const load = files[`./languages/${tag}.ts`]
  // Where it cannot be loaded, English is better than an empty page.
  const loaded = (await load?.().catch(() => null)) ?? null
  words = loaded ?? english
  language = loaded ? tag : 'en'
  // The browser's own variant (en-GB, zh-TW) decides how times look.
  setLocale(navigator.languages.find((other) => other.startsWith(language)) ?? words.htmlLanguage, words)
  document.documentElement.lang = words.htmlLanguage
  document.documentElement.dir = words.direction
  spoken.value = language
}

/** Returns the language's own name for itself. */
export function nameOfLanguage(tag: string): string {
  try {
    const name = new Intl.DisplayNames([tag], { type: 'language' }).of(tag) ?? tag
    return name.charAt(0).toLocaleUpperCase(tag) + name.slice(1)
  } catch {
    return tag
  }
}
