// Somebody who talks by the native API alone, without a page.
//
// Called where a test needs many messages at once, or the server's own account
// of what was said.
import type { HistoryPage, Message, MessageFile, User } from '../../../src/api/types'

export class Person {
  private constructor(
    private readonly url: string,
    private readonly token: string,
    readonly user: User,
  ) {}

  static async arrive(url: string, name: string): Promise<Person> {
    const { token, user } = await ask<{ token: string; user: User }>(`${url}/api/v1/guests`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name }),
    })
    return new Person(url, token, user)
  }

  async say(text: string, room = 'lobby', rest: object = {}): Promise<Message> {
    const path = `/rooms/${encodeURIComponent(room)}/messages`
    return (await this.call<{ message: Message }>('POST', path, { text, ...rest })).message
  }

  /** Opens a room, and is in it. */
  async openRoom(slug: string, rest: { kind?: 'open' | 'closed'; topic?: string; name?: string } = {}): Promise<void> {
    await this.call('POST', '/rooms', { slug, ...rest })
  }

  async join(room: string): Promise<void> {
    await this.call('PUT', `/rooms/${encodeURIComponent(room)}/members/me`)
  }

  async add(room: string, userId: number): Promise<void> {
    await this.call('PUT', `/rooms/${encodeURIComponent(room)}/members/${userId}`)
  }

  /** Makes any call of the API, as `PATCH /messages/7`. */
  async call<Answer>(method: string, path: string, body?: object): Promise<Answer> {
    return ask(`${this.url}/api/v1${path}`, {
      method,
      headers: { Authorization: `Bearer ${this.token}`, 'Content-Type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
  }

  /** Sends a file, which a message may then have. */
  async sendFile(name: string, bytes: Buffer): Promise<MessageFile> {
    const headers = { Authorization: `Bearer ${this.token}`, 'Content-Type': 'application/octet-stream' }
    const body = new Uint8Array(bytes)
    return (await ask<{ file: MessageFile }>(`${this.url}/api/v1/files?name=${encodeURIComponent(name)}`, { method: 'POST', headers, body })).file
  }

  async sayAll(texts: readonly string[]): Promise<void> {
    for (const text of texts) await this.say(text)
  }
}

/** Returns all that was said in the lobby, oldest first, as the server tells it. */
export async function readLog(url: string): Promise<string[]> {
  const texts: string[] = []
  let before = ''
  for (;;) {
    const page = await ask<HistoryPage>(`${url}/api/v1/rooms/lobby/messages?limit=200${before}`)
    texts.unshift(...page.messages.map(({ text }) => text ?? '(deleted)'))
    if (!page.more) return texts
    before = `&before=${page.messages[0]?.id}`
  }
}

async function ask<Answer>(url: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(url, init)
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
  return (response.status === 204 ? undefined : await response.json()) as Answer
}
