// Installs the service worker where the browser has one: on HTTPS and on localhost.
//
// Called once by main.ts, when the page is ready: the worker must not take the
// network from the first messages. On plain HTTP there is none, and nothing is said.

/** Registers the worker, and calls `open` with the path that a notification asks for. */
export async function registerServiceWorker(open: (path: string) => void): Promise<void> {
  const { serviceWorker } = navigator
  // Absent from pages of plain HTTP.
  if (!serviceWorker) return
  serviceWorker.addEventListener('message', ({ data }) => {
    if (data?.type === 'open') open(data.path)
  })
  try {
    await serviceWorker.register('/sw.js')
    // Files that were loaded before the worker was there, such as the words of a language.
    const { active } = await serviceWorker.ready
    active?.postMessage({ type: 'loaded', urls: loadedFiles() })
  } catch {
    // A browser may refuse (private windows, a policy); the page needs no worker.
  }
}

function loadedFiles(): string[] {
  const paths = performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname)
  return paths.filter((path) => path.startsWith('/assets/'))
}
