// The one request that an entry of the outbox asks for.
//
// Called by the pump. Its key is the entry's request id, so that a repeat changes nothing.
import type { Client } from '../api/client'
import type { Message } from '../api/types'
import type { Entry } from '../store/entries'

/** Returns the message as the answer tells it, where it does. */
export async function perform(client: Client, { room, requestId, text, format, replyTo, files, deed }: Entry): Promise<Message | null> {
  switch (deed?.kind) {
    case undefined:
      return client.sendMessage(room, requestId, { text, ...(format && { format }), ...(replyTo && { reply_to: replyTo.id }), ...(files && { files: files.map(({ id }) => id) }) })
    case 'edit':
      return client.editMessage(deed.message, requestId, deed.text)
    case 'delete':
      await client.deleteMessage(deed.message, requestId)
      return null
    case 'react':
      await client.react(deed.message, requestId, deed.emoji, deed.isOn)
      return null
    case 'pin':
      await client.pin(deed.message, requestId, deed.isOn)
      return null
  }
}
