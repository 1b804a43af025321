import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const program = fileURLToPath(new URL('./bundle-workflows.ts', import.meta.url))
/** A bundle is about 2 MB. */
const maxBuffer = 64 * 1024 * 1024

const made = new Map<string, Promise<{ code: string }>>()

/**
 * A file of workflows as the Temporal SDK wants it, made once a process. Another process makes it, because the bundler
 * would leave 50 MB behind in this one.
 */
export async function workflowBundle(file: URL): Promise<{ code: string }> {
  const bundle = made.get(file.href) ?? bundled(file)
  made.set(file.href, bundle)
  return bundle
}

async function bundled(file: URL): Promise<{ code: string }> {
  const { stdout } = await promisify(execFile)(process.execPath, [program, fileURLToPath(file)], { maxBuffer })
  return { code: stdout }
}
