// How the drawer writes times and sizes: short, with the unit beside the number.
//
// Called by the drawer's components. The numbers are the language's, the units
// are its words.
import { language } from '../i18n'
import { wireWords } from '../i18n/wire'

/** Writes 1234.5 as 1,235, or with one digit as 1,234.5. */
export function formatCount(number: number, digits: 0 | 1 = 0): string {
  return number.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** Writes "18 ms", "8.4 s", "12 s", and "5:12" from two minutes on. */
export function formatDuration(ms: number): string {
  const words = wireWords()
  if (ms < 1000) return words.milliseconds(formatCount(ms))
  return ms < 10_000 ? words.seconds(formatCount(ms / 1000, 1)) : formatSeconds(ms)
}

/** Writes whole seconds, for what still runs. */
export function formatSeconds(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 120) return wireWords().seconds(formatCount(seconds))
  return `${formatCount(Math.floor(seconds / 60))}:${String(seconds % 60).padStart(2, '0')}`
}

/** Writes "398 B", "9.8 KB", "94 KB", "1.2 MB". */
export function formatBytes(bytes: number): string {
  const words = wireWords()
  if (bytes < 1000) return words.bytes(formatCount(bytes), 'B')
  const isSmall = bytes < 1_000_000
  const size = bytes / (isSmall ? 1000 : 1_000_000)
  return words.bytes(formatCount(size, size < 10 ? 1 : 0), isSmall ? 'KB' : 'MB')
}

export function perMinute(number: number, ms: number): number {
  return ms > 0 ? (number * 60_000) / ms : 0
}
