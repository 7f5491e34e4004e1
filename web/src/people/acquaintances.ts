// The people whom I share a room with: only they can be added to another.
//
// Called by AddPerson. The server has no list of them, so the members of my
// rooms are read, a page of each; of very many rooms or members not all.
import type { User } from '../api/types'
import type { Chat } from '../feed/useChat'

const ROOMS_MAX = 20
const PAGE = 500

/** Returns them by id, without those who are in `room` already. Rejects where a room cannot be read. */
export async function fetchAcquaintances(chat: Chat, room: string): Promise<User[]> {
  const mine = [...chat.state.value.rooms].filter(([, { isMember }]) => isMember).map(([slug]) => slug)
  const others = mine.filter((slug) => slug !== room).slice(0, ROOMS_MAX)
  const here = new Set<number>()
  for (let after: number | undefined, more = true; more; ) {
    const page = await chat.fetchMembers(room, PAGE, after)
    for (const { id } of page.members) here.add(id)
    after = page.members.at(-1)?.id
    more = page.more && after !== undefined
  }
  const known = new Map<number, User>()
  for (const slug of others) {
    const { members } = await chat.fetchMembers(slug, PAGE)
    for (const person of members) if (!here.has(person.id)) known.set(person.id, person)
  }
  return [...known.values()]
}
