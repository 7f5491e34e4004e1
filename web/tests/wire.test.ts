// @vitest-environment node
// The code that will run in a SharedWorker reaches for nothing but its platform.
//
// `npm run typecheck` says the same of `window` and `document` by another way:
// it reads this code without the types of a page (src/wire/tsconfig.json).
import { readFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { expect, it } from 'vitest'

const SRC = resolve(import.meta.dirname, '../src')
const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g
const GLOBALS =
  /\b(?:window|document|self|globalThis|navigator|localStorage|sessionStorage|performance|setTimeout|setInterval|Math\.random)\b/g

/** Returns all files that `path` imports, itself included, and the packages beside them. */
function importsOf(path: string): string[] {
  const found = new Set([path])
  for (const file of found) {
    if (!file.endsWith('.ts')) continue
    for (const [, name = ''] of code(file).matchAll(IMPORT)) {
      found.add(name.startsWith('.') ? `${resolve(dirname(file), name)}.ts` : name)
    }
  }
  return [...found]
}

/** Returns the text of a file without its comments. */
function code(file: string): string {
  return readFileSync(file, 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
}

const files = importsOf(resolve(SRC, 'wire/engine.ts'))

it('the engine imports the API and its own folder, and no package', () => {
  const others = files.map((file) => relative(SRC, file)).filter((file) => !/^(api|wire)\/\w+(\/\w+)*\.ts$/.test(file))
  expect([others, files.length > 10]).toEqual([[], true])
})

it('the engine uses no global of a page, no clock and no chance but those it is handed', () => {
  expect(files.flatMap((file) => [...code(file).matchAll(GLOBALS)].map(([name]) => `${name} in ${file}`))).toEqual([])
})

it('this test would notice: what is shown, which is for a tab, imports Vue, and the browser is full of globals', () => {
  const ofShown = importsOf(resolve(SRC, 'feed/useShown.ts'))
  expect(ofShown.includes('vue')).toBe(true)
  expect(code(resolve(SRC, 'browser.ts')).match(GLOBALS)?.length).toBeGreaterThan(0)
})
