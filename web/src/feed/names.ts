// The newest name heard of each person.
//
// Messages carry the name that their author had then; the page shows the one
// that they have now, everywhere. Pure: learning returns a new map.
import type { Author } from '../api/types'

interface Name {
  name: string
  /** Where it was heard: the name of a later position wins. */
  position: number
}

export type Names = ReadonlyMap<number, Name>

export const NO_NAMES: Names = new Map()

/** Returns `names` knowing that at `position` this person had this name. */
export function learnName(names: Names, position: number, person: Author | undefined): Names {
  if (!person) return names
  const known = names.get(person.id)
  if (known && known.position >= position) return names
  if (known?.name === person.name) {
    // In place, for a copy would cost a map for each message. It is as true of
    // the map before: this person was called so at this position.
    known.position = position
    return names
  }
  return new Map(names).set(person.id, { name: person.name, position })
}

/** Returns this person under the newest name. */
export function named<Person extends Author>(names: Names, person: Person): Person {
  const name = names.get(person.id)?.name ?? person.name
  return name === person.name ? person : { ...person, name }
}
