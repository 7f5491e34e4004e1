// Screens without a conversation to take part in: the server's own pages, and a page that may only read.
import { expect, test } from 'vitest'
import { findings } from './harness/axe'
import { useLinger } from './harness/linger'
import { cutOff, LOOKS, picture } from './harness/sight'

const linger = useLinger()

test.each(LOOKS)('a newcomer’s page, an address with nothing there and a room that is not there have no faults, %s', async (name, options) => {
  const { url } = linger.server
  await fetch(`${url}/r/lobby?as=ann`, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'The kettle is on.' })
  const bare = await (await linger.newContext({ ...options, javaScriptEnabled: false })).newPage()
  // Where no script runs, axe does not: there the page is without its own alone.
  const judged = await (await linger.newContext(options)).newPage()
  await judged.route('**/assets/index-*.js', (route) => route.abort())
  const found: string[] = []
  for (const [state, path, ready] of [['newcomer', '/r/lobby', '.said'], ['nothing-here', '/nowhere', '.welcome h1'], ['no-room-served', '/r/nowhere', '.welcome h1']] as const) {
    for (const page of [bare, judged]) {
      await page.goto(url + path)
      await page.locator(ready).first().waitFor()
    }
    await picture(bare, `${state} ${name}`)
    found.push(...[...(await cutOff(bare)), ...(await findings(judged))].map((fault) => `${state}: ${fault}`))
  }
  expect(found).toEqual([])
})

test.each(LOOKS)('where no guests are taken one reads along, and is told so, %s', async (name, options) => {
  const context = await linger.newContext(options)
  const page = await context.newPage()
  await page.route('**/api/v1/guests', (route) => route.fulfill({ status: 403, json: { status: 403, code: 'no_guests' } }))
  await page.goto(`${linger.server.url}/r/lobby`)
  await page.locator('.read-only').waitFor()
  expect(await page.locator('#composer, .head .button').count()).toBe(0)
  await picture(page, `no-permission ${name}`)
  expect([...(await cutOff(page)), ...(await findings(page))]).toEqual([])
})

test('an address with nothing there is a page for a browser, and says so to others in JSON', async () => {
  const asBrowser = await fetch(`${linger.server.url}/nowhere`, { headers: { accept: 'text/html,*/*;q=0.8' } })
  expect([asBrowser.status, asBrowser.headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8'])
  const other = await fetch(`${linger.server.url}/nowhere`)
  expect([other.status, ((await other.json()) as { code: string }).code]).toEqual([404, 'nothing_here'])
})
