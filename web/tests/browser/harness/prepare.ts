// Runs once before all browser tests: is everything there, and is the old gone?
//
// Called by Vitest. It throws one plain sentence when a program is missing.
import { rmSync } from 'node:fs'
import { FAILURES } from './linger'
import { chromiumPath, lingerPath, nginxPath } from './programs'

export default function prepare(): void {
  lingerPath()
  chromiumPath()
  nginxPath()
  rmSync(FAILURES, { recursive: true, force: true })
}
