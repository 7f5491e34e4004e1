// The language of this page, its words, and how it writes times and lists.
//
// Imported by the components. The browser's list of languages decides, once,
// when the page opens; a reader of neither language gets English.
import { en } from './en'
import type { Words } from './en'
import { zh } from './zh'

export type Language = 'en' | 'zh'

/** Returns the first language of the list that the page speaks. */
export function chooseLanguage(preferred: readonly string[]): Language {
  for (const tag of preferred) {
    if (/^zh\b/i.test(tag)) return 'zh'
    if (/^en\b/i.test(tag)) return 'en'
  }
  return 'en'
}

export const language = chooseLanguage(navigator.languages)
export const words: Words = { en, zh }[language]

/** For the `lang` attribute: picks the right fonts for shared characters. */
export const htmlLanguage = { en: 'en', zh: 'zh-CN' }[language]

// The browser's own variant (en-GB, zh-TW) decides how times look.
const locale = navigator.languages.find((tag) => tag.startsWith(language)) ?? htmlLanguage

const timeFormat = new Intl.DateTimeFormat(locale, { timeStyle: 'short' })
const fullFormat = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'medium' })
const momentFormat = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' })
const dayFormat = new Intl.DateTimeFormat(locale, { weekday: 'long', month: 'long', day: 'numeric' })
const yearDayFormat = new Intl.DateTimeFormat(locale, { dateStyle: 'long' })
const listFormat = new Intl.ListFormat(locale, { type: 'conjunction' })

export type Time = string | number

export function formatTime(at: Time): string {
  return timeFormat.format(new Date(at))
}

/** Returns the date and the time, short enough for a sentence. */
export function formatMoment(at: Time): string {
  return momentFormat.format(new Date(at))
}

export function formatFull(at: Time): string {
  return fullFormat.format(new Date(at))
}

/** Returns "Today", "Yesterday", or the date, with the year where it is another one. */
export function formatDay(at: Time, now = new Date()): string {
  const date = new Date(at)
  const yesterday = new Date(now)
  yesterday.setDate(now.getDate() - 1)
  if (date.toDateString() === now.toDateString()) return words.today
  if (date.toDateString() === yesterday.toDateString()) return words.yesterday
  return (date.getFullYear() === now.getFullYear() ? dayFormat : yearDayFormat).format(date)
}

export function formatList(parts: string[]): string {
  return listFormat.format(parts)
}
