// Which programs the browser tests start: Linger itself, a Chromium, and nginx.
//
// Called before the first test, to say plainly what is missing, and by the code
// that starts one of them.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'

/** The folder `web/`, wherever the tests were started from. */
export const WEB = resolve(import.meta.dirname, '../../..')

/** Returns the path of the program under test: `LINGER_BIN`, else what cargo built. */
export function lingerPath(): string {
  const named = process.env['LINGER_BIN']
  const built = ['debug', 'release'].map((profile) => resolve(WEB, '../target', profile, 'linger'))
  return choose(
    named ? [resolve(WEB, named)] : built,
    (paths) => `No Linger to test at ${paths}. Run "cargo build" first, or name the program in LINGER_BIN.`,
  )
}

/** Returns the path of the browser: `CHROMIUM`, else Debian's. */
export function chromiumPath(): string {
  return choose(
    [process.env['CHROMIUM'] || '/usr/bin/chromium'],
    (paths) => `No Chromium at ${paths}. Run "apt-get install chromium", or name a browser in CHROMIUM.`,
  )
}

/** Returns the path of nginx: Debian's. */
export function nginxPath(): string {
  return choose(['/usr/sbin/nginx'], (paths) => `No nginx at ${paths}. Run "apt-get install nginx".`)
}

function choose(paths: string[], complain: (paths: string) => string): string {
  const found = paths.find((path) => existsSync(path))
  if (found === undefined) throw new Error(complain(paths.join(' or ')))
  return found
}
