// The words of the wire drawer, in the language that the page speaks.
//
// Imported by the drawer and by /how only, and loaded with them. A language that
// has no file here gets English.
import { language } from '..'
import { words as english } from './en'
import type { WireWords } from './en'

const files = import.meta.glob<WireWords>(['./*.ts', '!./index.ts'], { import: 'words', eager: true })

export type { WireWords }

/** Returns the words; asked for anew by each component that is made. */
export function wireWords(): WireWords {
  return files[`./${language}.ts`] ?? english
}
