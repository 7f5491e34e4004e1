// One notification of the system.
//
// Called by `createAlerts`, and only with the person's permission. Phones take
// notifications from a service worker only, so it goes first.
import type { Call } from './alerts'

/** Shows `call`; a click on it leads to its path, by the worker or by `open`. */
export async function notify({ title, body, tag, path }: Call, open: (path: string) => void): Promise<void> {
  // Silent: the sound is a choice of its own.
  const options = { body, tag, icon: '/icon-192.png', silent: true, data: { path } }
  const worker = await navigator.serviceWorker?.getRegistration()
  if (worker?.active) return worker.showNotification(title, options)
  const shown = new Notification(title, options)
  shown.addEventListener('click', () => {
    window.focus()
    open(path)
    shown.close()
  })
}
