import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { temporaryPrefix } from './temp-dir.ts'

const root = join(import.meta.dirname, '../..')

/**
 * Packs a package of the repository in a copy, so that nothing is written into it, and unpacks it where npm would, with
 * its dependencies and nothing else beside it. Gone when the running test has finished.
 * @param folder such as `packages/cli`
 * @returns where it is installed, and the folder it was packed in
 */
export function packed(folder: string): { installed: string; packedIn: string } {
  const directory = mkdtempSync(join(tmpdir(), `${temporaryPrefix}${process.pid}-`))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const clone = join(directory, 'clone')
  const packedIn = join(clone, folder)
  const { name, dependencies } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as {
    name: string
    dependencies: Record<string, string>
  }
  const installed = join(directory, 'node_modules', name)
  mkdirSync(installed, { recursive: true })
  mkdirSync(clone)
  cpSync(join(root, 'tsconfig.json'), join(clone, 'tsconfig.json'))
  cpSync(join(root, folder), packedIn, {
    recursive: true,
    filter: (file) => !['node_modules', 'dist'].includes(basename(file)),
  })
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'))
  for (const dependency of Object.keys(dependencies)) {
    const nested = join(root, folder, 'node_modules', dependency)
    const place = join(directory, 'node_modules', dependency)
    mkdirSync(dirname(place), { recursive: true })
    symlinkSync(existsSync(nested) ? nested : join(root, 'node_modules', dependency), place)
  }
  symlinkSync(join(directory, 'node_modules'), join(packedIn, 'node_modules'))
  execFileSync('npm', ['pack', '--silent', '--pack-destination', directory], {
    cwd: packedIn,
    shell: process.platform === 'win32',
  })
  const [archive = ''] = globSync('*.tgz', { cwd: directory })
  execFileSync('tar', ['-xzf', join(directory, archive), '-C', installed, '--strip-components=1'])
  return { installed, packedIn }
}
