// A tab of the fake browser: a station, and what the page would show of its one room.
import type { RoomEvent } from '../src/api/types'
import { openDatabase } from '../src/store/database'
import { channel } from '../src/tabs/channel'
import type { StartHost } from '../src/tabs/host'
import { lease } from '../src/tabs/lease'
import { locks } from '../src/tabs/locks'
import { connect } from '../src/tabs/station'
import type { Kind, Station } from '../src/tabs/station'
import type { EngineMessage } from '../src/wire/protocol'
import { createDevice } from './device'
import type { FakeBrowser, Process } from './fakeBrowser'
import type { FakeChat } from './fakeChat'

export class Tab {
  /** All that was said since it came, as it was told. */
  readonly texts: string[] = []
  private cursor: string | null = null
  private position = 0
  private readonly chat: FakeChat
  private readonly station: Station

  constructor(
    readonly name: string,
    readonly process: Process,
    browser: FakeBrowser,
    kinds: Kind[],
  ) {
    this.chat = browser.chat
    this.position = this.chat.log.length
    const platform = process.platform()
    const startHost: StartHost = (post) => browser.startEngine(process, post)
    const ways = { locks: channel(locks, startHost), lease: channel(lease, startHost) }
    const database = openDatabase({ factory: () => createDevice().factory, after: () => () => {} })
    this.station = connect({ tab: name, platform, database, kinds, ways, onMessage: (message) => this.hear(message) })
    this.station.post({ type: 'hello', tab: name, rooms: ['tea'], cursor: null, isVisible: true, locale: 'en' })
  }

  kind(): Kind {
    return this.station.kind()
  }

  close(): void {
    this.process.take(() => this.station.close())
  }

  /** Keeps the contract of protocol.ts. */
  private hear(message: EngineMessage): void {
    if (message.type === 'begin') this.readOn(message.cursor)
    if (message.type !== 'page') return
    if (message.from !== this.cursor) this.readOn(message.from)
    this.cursor = message.to_cursor
    this.take(message.events)
  }

  /** Reads what lies in between, as the page does by requests of its own. */
  private readOn(cursor: string | null): void {
    this.cursor = cursor
    this.take(this.chat.log.slice(0, Number(cursor?.slice(1))))
  }

  private take(events: readonly RoomEvent[]): void {
    for (const event of events) {
      if (event.type !== 'message_sent' || event.position <= this.position) continue
      this.position = event.position
      this.texts.push(event.message.text ?? '')
    }
  }
}
