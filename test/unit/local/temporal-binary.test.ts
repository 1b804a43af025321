import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { resolveTemporalBinary } from '../../../local/temporal/binary.ts'
import { temporaryDirectory } from '../../support/temp-dir.ts'

const works = '#!/bin/sh\necho temporal version 9.9.9\n'
const broken = '#!/bin/sh\nexit 1\n'
/** A Go toolchain that "compiles" a working program into the file after `-o`. */
const go = `#!/bin/sh
while [ "$1" != "-o" ]; do shift; done
printf '#!/bin/sh\\necho temporal version 9.9.9\\n' > "$2"
/bin/chmod 755 "$2"
`
const failingGo = '#!/bin/sh\necho "go: no space left on device" >&2\nexit 1\n'

/** A machine of its own: nothing on PATH, nothing cached, no network; what a test puts there is all there is. */
function machine() {
  const root = temporaryDirectory()
  const put = (name: string, content: string): string => {
    const file = join(root, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content, { mode: 0o755 })
    return file
  }
  put('source/go.mod', 'require (\n\tgithub.com/temporalio/cli v9.9.9\n)\n')
  const cached = join(root, 'cache/freehold/temporal-9.9.9/temporal')
  const env = { PATH: join(root, 'bin'), XDG_CACHE_HOME: join(root, 'cache') }
  const lines: string[] = []
  const resolve = (
    more: { env?: NodeJS.ProcessEnv; downloadFrom?: string; signal?: AbortSignal } = {},
  ): Promise<string> =>
    resolveTemporalBinary({
      env: { ...env, ...more.env },
      log: (line) => lines.push(line),
      sourceDir: join(root, 'source'),
      downloadFrom: more.downloadFrom ?? 'http://127.0.0.1:9/cli',
      ...(more.signal === undefined ? {} : { signal: more.signal }),
    })
  const inCache = (): string[] => readdirSync(dirname(cached))
  return { root, put, cached, lines, resolve, inCache }
}

test('TEMPORAL_CLI_PATH comes before everything else', async () => {
  const { put, resolve } = machine()
  put('bin/temporal', works)
  const chosen = put('elsewhere/temporal', works)
  expect(await resolve({ env: { TEMPORAL_CLI_PATH: chosen } })).toBe(chosen)
})

test.each([
  ['does not exist', undefined],
  ['does not run', broken],
])('a TEMPORAL_CLI_PATH that %s is an error, not a reason to take another', async (_, content) => {
  const { root, put, resolve } = machine()
  put('bin/temporal', works)
  const chosen = content === undefined ? join(root, 'missing') : put('elsewhere/temporal', content)
  await expect(resolve({ env: { TEMPORAL_CLI_PATH: chosen } })).rejects.toThrow(`TEMPORAL_CLI_PATH is ${chosen}`)
})

test('`temporal` on PATH comes before the cached one, unless it does not run', async () => {
  const { put, cached, resolve } = machine()
  put('cache/freehold/temporal-9.9.9/temporal', works)
  const onPath = put('bin/temporal', works)
  expect(await resolve()).toBe(onPath)
  put('bin/temporal', broken)
  expect(await resolve()).toBe(cached)
})

test('a download comes before a build, and is cached', async () => {
  const { root, put, cached, resolve, inCache } = machine()
  put('bin/go', failingGo)
  put('release/temporal', works)
  execFileSync('tar', ['-czf', join(root, 'release.tar.gz'), '-C', join(root, 'release'), 'temporal'])
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    const archiveUrl = `http://${request.headers.host}/release.tar.gz`
    response.end(
      request.url === '/release.tar.gz'
        ? readFileSync(join(root, 'release.tar.gz'))
        : JSON.stringify({ archiveUrl, fileToExtract: 'temporal' }),
    )
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const downloadFrom = `http://127.0.0.1:${(server.address() as AddressInfo).port}/cli`
  expect(await resolve({ downloadFrom })).toBe(cached)
  expect(await resolve({ downloadFrom })).toBe(cached)
  expect(asked).toEqual([expect.stringMatching(/^\/cli\/v9\.9\.9\?platform=\w+&arch=\w+$/), '/release.tar.gz'])
  expect(inCache()).toEqual(['temporal'])
})

test('without a download it is built, and the next start needs no Go toolchain', async () => {
  const { put, cached, resolve, inCache } = machine()
  put('bin/go', go)
  expect(await resolve()).toBe(cached)
  put('bin/go', failingGo)
  expect(await resolve()).toBe(cached)
  expect(inCache()).toEqual(['temporal'])
})

test('a cached binary that does not run is built anew', async () => {
  const { put, cached, resolve } = machine()
  put('cache/freehold/temporal-9.9.9/temporal', broken)
  put('bin/go', go)
  expect(await resolve()).toBe(cached)
  expect(execFileSync(cached, { encoding: 'utf8' })).toContain('9.9.9')
})

test('a cached binary that Ctrl-C ended is not got anew', async () => {
  const { put, cached, lines, resolve } = machine()
  put('cache/freehold/temporal-9.9.9/temporal', broken)
  await expect(resolve({ signal: AbortSignal.abort() })).rejects.toThrow(/aborted/)
  expect([lines, readFileSync(cached, 'utf8')]).toEqual([[], broken])
})

test('two builds at once leave one good binary', async () => {
  const { put, cached, resolve, inCache } = machine()
  put('bin/go', go)
  expect(await Promise.all([resolve(), resolve()])).toEqual([cached, cached])
  expect(inCache()).toEqual(['temporal'])
})

test('a failing build tells what go said and leaves nothing in the cache', async () => {
  const { put, resolve, inCache } = machine()
  put('bin/go', failingGo)
  await expect(resolve()).rejects.toThrow(/no space left on device/)
  expect(inCache()).toEqual([])
})

test('with nothing found and no Go toolchain the error says what to do', async () => {
  await expect(machine().resolve()).rejects.toThrow(
    /install Go 1\.26 or later, or set TEMPORAL_CLI_PATH .* TEMPORAL_ADDRESS/,
  )
})
