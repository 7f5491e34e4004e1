// The pages of the two articles, as their readers have them.
//
// Called by updates.spec.ts and names.spec.ts. The libraries come from npm; the
// pages stand in tests/browser/articles.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { WEB } from './programs'
import { findLastingPort } from './server'

const JAVASCRIPT = 'text/javascript; charset=utf-8'
const HTML = 'text/html; charset=utf-8'

export function readArticle(name: string): string {
  return readFileSync(join(WEB, 'tests/browser/articles', name), 'utf8')
}

/** Returns a library's text, such as `jquery/dist/jquery.js`. */
export function readLibrary(path: string): string {
  return readFileSync(join(WEB, 'node_modules', path), 'utf8')
}

/** Opens the first article's page as if Linger served it; only the page and jQuery are not Linger's. */
export async function openUpdates(page: Page, server: string): Promise<void> {
  const jquery = readLibrary('jquery/dist/jquery.js')
  await page.route(`${server}/article`, (route) => route.fulfill({ contentType: HTML, body: readArticle('updates.html') }))
  await page.route(`${server}/jquery.js`, (route) => route.fulfill({ contentType: JAVASCRIPT, body: jquery }))
  await page.goto(`${server}/article`)
}

/** Another origin, where the second article's pages live. */
export interface Elsewhere {
  url: string
  close(): void
}

export async function serveElsewhere(): Promise<Elsewhere> {
  const axios = readLibrary('axios/dist/axios.js')
  const elsewhere = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://elsewhere').pathname
    if (path === '/axios.js') response.setHeader('Content-Type', JAVASCRIPT).end(axios)
    else if (path.endsWith('.html')) response.setHeader('Content-Type', HTML).end(readArticle(path.slice(1)))
    else response.writeHead(404).end()
  })
  const free = await findLastingPort()
  await new Promise<void>((resolve, reject) => {
    elsewhere.once('error', reject)
    elsewhere.listen(free, '127.0.0.1', resolve)
  })
  const { port } = elsewhere.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      elsewhere.close()
      elsewhere.closeAllConnections()
    },
  }
}

/** Waits until the last of the elements that `selector` names have these texts. */
export async function endsWith(page: Page, selector: string, texts: readonly (string | RegExp)[]): Promise<void> {
  const expected = texts.map((text) => (typeof text === 'string' ? text : expect.stringMatching(text)))
  await expect.poll(async () => (await page.locator(selector).allTextContents()).slice(-texts.length)).toEqual(expected)
}
