// The service worker: keeps the page's shell, so that it opens without a network.
//
// Built as /sw.js and registered by `register.ts`, where browsers allow it. It
// answers two kinds of requests: the built files, which never change under
// their names, and the page itself where the network has no answer. The API
// never passes through it: news comes from the server or not at all.
const worker = globalThis as unknown as ServiceWorkerGlobalScope

const CACHE = 'shell'
const SHELL = '/index.html'
/** A train's network says neither yes nor no; after this the shell opens. */
const NAVIGATION_MS_MAX = 4000

worker.addEventListener('install', (event) => {
  void passBy(event)
  event.waitUntil(keepShell().then(() => worker.skipWaiting()))
})

worker.addEventListener('activate', (event) => {
  event.waitUntil(Promise.all([worker.registration.navigationPreload?.enable(), worker.clients.claim()]))
})

worker.addEventListener('fetch', (event) => {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  if (request.method !== 'GET' || origin !== worker.location.origin) return
  if (pathname.startsWith('/assets/')) event.respondWith(builtFile(request))
  else if (request.mode === 'navigate' && isPage(pathname)) event.respondWith(page(event))
})

worker.addEventListener('message', (event) => {
  const { type, urls } = event.data as { type: string; urls: string[] }
  if (type === 'loaded') event.waitUntil(keep(urls))
})

worker.addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(open((event.notification.data as { path: string }).path))
})

/** Lets requests go past a worker that stands still or has not begun, in browsers that can. */
function passBy(event: ExtendableEvent & { addRoutes?(routes: object[]): Promise<void> }): Promise<void> | undefined {
  return event.addRoutes?.([
    { condition: { urlPattern: '/api/*' }, source: 'network' },
    { condition: { urlPattern: '/assets/*' }, source: 'race-network-and-fetch-handler' },
  ])
}

/** The API, the seed protocols and the figures are no pages. */
function isPage(pathname: string): boolean {
  return pathname === '/' || /^\/(r|rooms|settings|how)(\/|$)/.test(pathname)
}

async function page(event: FetchEvent): Promise<Response> {
  const answer = fromNetwork(event)
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, NAVIGATION_MS_MAX))
  const inTime = await Promise.race([answer.catch(() => undefined), late])
  // A proxy that has lost its server says 502 to 504.
  if (inTime && inTime.status < 502) {
    event.waitUntil(keepShell().catch(() => {}))
    return inTime
  }
  return (await caches.match(SHELL)) ?? inTime ?? answer
}

async function fromNetwork(event: FetchEvent): Promise<Response> {
  const preloaded = (await event.preloadResponse) as Response | undefined
  return preloaded ?? fetch(event.request)
}

async function builtFile(request: Request): Promise<Response> {
  const kept = await caches.match(request)
  if (kept) return kept
  const answer = await fetch(request)
  if (answer.ok) await (await caches.open(CACHE)).put(request, answer.clone())
  return answer
}

/** Keeps the newest shell with the files that it names, and drops those of older ones. */
async function keepShell(): Promise<void> {
  const answer = await fetch(SHELL, { cache: 'no-cache' })
  if (!answer.ok) throw new Error(`${SHELL}: ${answer.status}`)
  const cache = await caches.open(CACHE)
  const known = await cache.match(SHELL)
  const html = await answer.clone().text()
  if (known && (await known.text()) === html) return
  const files = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path as string)
  // First the new files, then the page that needs them, and only then are the old ones gone.
  const old = await cache.keys()
  await keep(files)
  await cache.put(SHELL, answer)
  const stays = new Set([SHELL, ...files])
  await Promise.all(old.filter(({ url }) => !stays.has(new URL(url).pathname)).map((request) => cache.delete(request)))
}

async function keep(urls: string[]): Promise<void> {
  const cache = await caches.open(CACHE)
  const missing = await Promise.all(urls.map(async (url) => ((await cache.match(url)) ? [] : [url])))
  await cache.addAll(missing.flat())
}

/** Shows `path` in a tab that is there, or in a new one. */
async function open(path: string): Promise<void> {
  const [tab] = await worker.clients.matchAll({ type: 'window' })
  if (!tab) {
    await worker.clients.openWindow(path)
    return
  }
  tab.postMessage({ type: 'open', path })
  await tab.focus()
}
