import { execFile } from 'node:child_process'
import { chmodSync, createWriteStream, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { promisify } from 'node:util'

const run = promisify(execFile)
const answerTimeoutMs = 5_000
const downloadTimeoutMs = 300_000

/**
 * Downloads the Temporal CLI as the SDK's own test server does: `url` answers with the archive for a platform and the
 * file in it. `check` must find that it runs before it is renamed to `file`. Gives up on a host that does not answer
 * within 5 s. Throws any error of network, archive or disk.
 */
export async function downloadTemporal(options: {
  url: string
  file: string
  check: (file: string) => Promise<boolean>
  log: (message: string) => void
  signal?: AbortSignal
}): Promise<void> {
  const overall = AbortSignal.any([AbortSignal.timeout(downloadTimeoutMs), ...(options.signal ? [options.signal] : [])])
  const info = await answer(`${options.url}?${platform()}`, overall)
  const { archiveUrl, fileToExtract } = archiveIn(await info.json())
  options.log(`Temporal: downloading ${archiveUrl}`)
  const { body } = await answer(archiveUrl, overall)
  if (body === null) throw new Error(`${archiveUrl} is empty`)
  const folder = mkdtempSync(join(dirname(options.file), 'download-'))
  try {
    const archive = join(folder, 'archive')
    await pipeline(Readable.fromWeb(body as ReadableStream), createWriteStream(archive), { signal: overall })
    // bsdtar, which macOS and Windows have, opens zip files as well.
    await run('tar', ['-xf', archive, '-C', folder, fileToExtract])
    const extracted = join(folder, fileToExtract)
    chmodSync(extracted, 0o755)
    if (!(await options.check(extracted))) throw new Error('the downloaded program does not run here')
    renameSync(extracted, options.file)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function platform(): string {
  const os = process.platform === 'win32' ? 'windows' : process.platform
  return new URLSearchParams({ platform: os, arch: process.arch === 'x64' ? 'amd64' : process.arch }).toString()
}

/** The response once its headers are here, which must take less than 5 s; its body has until `overall`. */
async function answer(url: string, overall: AbortSignal): Promise<Response> {
  const slow = new AbortController()
  const timer = setTimeout(() => slow.abort(new Error('no answer within 5 s')), answerTimeoutMs)
  try {
    const response = await fetch(url, { signal: AbortSignal.any([overall, slow.signal]) })
    if (!response.ok) throw new Error(`${url} answered ${response.status}`)
    return response
  } finally {
    clearTimeout(timer)
  }
}

function archiveIn(info: unknown): { archiveUrl: string; fileToExtract: string } {
  if (typeof info === 'object' && info !== null && 'archiveUrl' in info && 'fileToExtract' in info) {
    return { archiveUrl: String(info.archiveUrl), fileToExtract: String(info.fileToExtract) }
  }
  throw new Error('the answer names no archive')
}
