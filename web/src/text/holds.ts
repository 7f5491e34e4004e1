// Whether a name holds what somebody types to find it.

/** Says whether `text` holds `wanted`, without regard to case, width and accents. */
export function holds(text: string, wanted: string): boolean {
  return folded(text).includes(folded(wanted))
}

function folded(text: string): string {
  return text.normalize('NFKD').replace(/\p{Mn}/gu, '').toLowerCase().trim()
}
