// How times, counts and lists look, in the reader's zone and the page's language.
//
// Called by the components. `setLocale` is called whenever the language changes.
import { words as english } from './languages/en'
import type { Words } from './languages/en'

export type Time = string | number

type DayWords = Pick<Words, 'today' | 'yesterday'>

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte']

function makeFormats(locale: string, words: DayWords) {
  const time = (options: Intl.DateTimeFormatOptions) => {
    const format = new Intl.DateTimeFormat(locale, options)
    return (at: Time) => format.format(new Date(at))
  }
  const list = new Intl.ListFormat(locale, { type: 'conjunction' })
  const number = new Intl.NumberFormat(locale)
  return {
    words,
    time: time({ timeStyle: 'short' }),
    full: time({ dateStyle: 'full', timeStyle: 'medium' }),
    moment: time({ dateStyle: 'medium', timeStyle: 'short' }),
    day: time({ weekday: 'long', month: 'long', day: 'numeric' }),
    yearDay: time({ dateStyle: 'long' }),
    list: (parts: readonly string[]) => list.format(parts),
    number: (count: number) => number.format(count),
    size: (bytes: number) => {
      // By thousands, as the units say.
      const step = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
      const amount = bytes / 1000 ** step
      const digits = step > 0 && amount < 10 ? 1 : 0
      const unitDisplay = step === 0 ? 'long' : 'short'
      return new Intl.NumberFormat(locale, { style: 'unit', unit: UNITS[step], unitDisplay, maximumFractionDigits: digits } as Intl.NumberFormatOptions).format(amount)
    },
  }
}

let formats = makeFormats('en', english)

export function setLocale(locale: string, words: DayWords): void {
  formats = makeFormats(locale, words)
}

export function formatTime(at: Time): string {
  return formats.time(at)
}

/** Returns the date and the time, short enough for a sentence. */
export function formatMoment(at: Time): string {
  return formats.moment(at)
}

export function formatFull(at: Time): string {
  return formats.full(at)
}

/** Returns "Today", "Yesterday", or the date, with the year where it is another one. */
export function formatDay(at: Time, now = new Date()): string {
  const date = new Date(at)
  const yesterday = new Date(now)
  yesterday.setDate(now.getDate() - 1)
  if (date.toDateString() === now.toDateString()) return formats.words.today
  if (date.toDateString() === yesterday.toDateString()) return formats.words.yesterday
  return date.getFullYear() === now.getFullYear() ? formats.day(at) : formats.yearDay(at)
}

export function formatList(parts: readonly string[]): string {
  return formats.list(parts)
}

export function formatNumber(count: number): string {
  return formats.number(count)
}

/** Returns a number of bytes, such as "312 kB". */
export function formatSize(bytes: number): string {
  return formats.size(bytes)
}
