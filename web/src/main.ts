// Where the page starts: its language, its colours, its chat, and App.
//
// Loaded by index.html, and by nothing else.
import './styles/index.css'
import { createApp, defineComponent, effectScope, h } from 'vue'
import { useAlerts } from './alerts/useAlerts'
import App from './App.vue'
import { browser } from './browser'
import { readFirst } from './feed/first'
import { createChat } from './feed/useChat'
import type { Chat } from './feed/useChat'
import { takeOver } from './frame/takeOver'
import { fitViewport } from './frame/viewport'
import { speakFirst, spoken } from './i18n'
import { showScheme } from './settings/scheme'
import { registerServiceWorker } from './shell/register'
import { useRouter } from './screens/useRouter'
import { openDatabase } from './store/database'
import type { Database } from './store/database'
import { createDrafts } from './store/drafts'
import { takeOverLocalStorage } from './store/legacy'
import { connect } from './tabs/station'
import { takeTabId } from './tabs/tabId'

async function start(): Promise<void> {
  showScheme()
  fitViewport()
  await speakFirst()
  const tab = takeTabId()
  const database = openDatabase({ factory: () => indexedDB, after: browser.clock.after })
  await takeOverOlder(database)
  const scope = effectScope(true)
  const chat = scope.run(() => createChat({
    tab,
    platform: browser,
    database,
    connect: (onMessage) => connect({ tab, platform: browser, database, onMessage }),
    first: readFirst(),
  })) as Chat
  const router = useRouter()
  scope.run(() => useAlerts(chat, router, database))
  // Keyed by the language: another one makes every component anew.
  const Page = defineComponent({ render: () => h(App, { key: spoken.value, chat, router }) })
  await painted()
  takeOver(() => createApp(Page).mount('#app'))
  void registerServiceWorker(router.go)
}

/** The server's messages are read while the script's page is made, so they come first. */
function painted(): Promise<void> {
  return new Promise((resolve) => {
    // In a tab that is hidden nothing is painted.
    if (document.visibilityState === 'hidden') return resolve()
    requestAnimationFrame(() => setTimeout(resolve))
  })
}

/** Takes over the texts of an earlier version of the page; where storage is blocked there are none. */
async function takeOverOlder(database: Database): Promise<void> {
  try {
    await takeOverLocalStorage(localStorage, database, createDrafts(database, browser.clock.date))
  } catch {
    // It stays where it is, for the next time.
  }
}

// A browser that is too old has been told so by check.js.
if (!document.documentElement.classList.contains('is-too-old')) void start()
