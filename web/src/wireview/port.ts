// The drawer's door to the engine: it says things to it, and hears all it says.
//
// Handed to the drawer by the screen that shows it. Behind it is the station of
// `tabs/`: while a mode or a weather is chosen, this tab has an engine of its own,
// so that other tabs stay calm.
import type { EngineMessage, TabMessage } from '../wire/protocol'

/** A message of this tab; the door adds which tab it is. */
export type Saying = TabMessage extends infer Message ? (Message extends TabMessage ? Omit<Message, 'tab'> : never) : never

export interface WirePort {
  say(saying: Saying): void
  /** Calls `listen` with all that the engine says to this tab; returns how to end that. */
  hear(listen: (message: EngineMessage) => void): () => void
}
