// The address that a room's name suggests.
//
// Called by OpenRoom. The server decides what is one; this only offers.

const CHARACTERS_MAX = 64

/** Returns small letters of any script with their marks, digits, and hyphens between them. */
export function suggestSlug(name: string): string {
  const parts = name.normalize('NFC').toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
  const letters = [...parts.join('-')].slice(0, CHARACTERS_MAX)
  return letters.join('').replace(/-$/, '')
}
