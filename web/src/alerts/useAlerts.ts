// Joins the alerts to the page: what comes live, what is in sight, and where a click leads.
//
// Called once by main.ts. Ends with its scope.
import { onScopeDispose } from 'vue'
import type { Chat } from '../feed/useChat'
import { words } from '../i18n'
import { roomName } from '../rooms/names'
import type { Router } from '../screens/useRouter'
import type { Database } from '../store/database'
import { createAlerts } from './alerts'
import { readChoices } from './choices'
import { createClaim } from './claim'
import { notify } from './notify'
import { playNotes } from './sound'

export function useAlerts(chat: Chat, { route, go }: Router, database: Database): void {
  const alert = createAlerts({
    choices: readChoices,
    isShown(room) {
      const { value: here } = route
      return document.visibilityState === 'visible' && here.screen === 'room' && here.room === room
    },
    claim: createClaim(database),
    after: (ms, act) => void setTimeout(act, ms),
    playNotes,
    notify: (call) => void notify(call, go),
    title: ({ by, room }) => words.saidIn(by?.name ?? words.server, nameOf(room)),
  })
  onScopeDispose(
    chat.onNews((message) => {
      // A room that is only looked at, by another tab perhaps, calls nobody.
      if (chat.state.value.rooms.get(message.room)?.isMember) alert(message)
    }),
  )

  function nameOf(slug: string): string {
    return roomName(chat.state.value.rooms.get(slug)?.about ?? { slug, name: `#${slug}` })
  }
}
