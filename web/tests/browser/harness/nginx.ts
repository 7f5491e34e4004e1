// Debian's nginx before Linger, with nothing but `proxy_pass`.
//
// Started by the tests of the wire, with its files in a folder of its own. All
// that is set besides is where those files are.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nginxPath } from './programs'

const START_MS_MAX = 20_000

export class Nginx {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {}

  static async start(target: string): Promise<Nginx> {
    const folder = mkdtempSync(join(tmpdir(), 'linger-nginx-'))
    const port = await findPort()
    const file = join(folder, 'nginx.conf')
    writeFileSync(file, configuration(folder, port, target))
    const child = spawn(nginxPath(), ['-c', file, '-p', folder, '-e', join(folder, 'error.log')], { stdio: 'ignore' })
    const nginx = new Nginx(`http://127.0.0.1:${port}`, child, folder)
    process.on('exit', () => child.kill('SIGKILL'))
    await nginx.answers()
    return nginx
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'exit')
    this.child.kill('SIGTERM')
    await ended
    rmSync(this.folder, { recursive: true, force: true })
  }

  private async answers(): Promise<void> {
    for (const end = Date.now() + START_MS_MAX; ; ) {
      const answer = await fetch(`${this.url}/health`).catch(() => null)
      if (answer?.ok) return
      if (Date.now() > end) throw new Error('nginx did not start in time')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

function configuration(folder: string, port: number, target: string): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const paths = kinds.map((kind) => `${kind}_temp_path ${join(folder, kind)};`).join('\n  ')
  return `daemon off;
master_process off;
pid ${join(folder, 'pid')};
events {}
http {
  access_log off;
  ${paths}
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass ${target};
    }
  }
}
`
}

async function findPort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}
