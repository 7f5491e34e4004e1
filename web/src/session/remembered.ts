// The person that this browser was when the server last knew it, so that one can write before it answers.
//
// Kept by the session. It opens nothing: what is written under it goes out when
// the server knows the person, and moves along where it knows another.
import type { User } from '../api/types'
import type { Database } from '../store/database'

export interface Remembered {
  load(): Promise<User | null>
  save(user: User | null): Promise<void>
}

export function createRemembered(database: Database): Remembered {
  return {
    load: () => database.transact(['guests'], async (tx) => (await tx.get<User>('guests', 'me')) ?? null),
    save: (user) =>
      database.transact(['guests'], (tx) => (user ? tx.put('guests', 'me', user) : tx.remove('guests', 'me'))),
  }
}
