import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../../..')
const folders = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules')
  .map(({ name }) => name)

describe.each(folders)('%s/README.md', (folder) => {
  const text = readFileSync(join(root, folder, 'README.md'), 'utf8')

  test('says in few lines what lives here, what may be imported and where to start', () => {
    expect(text).toMatch(new RegExp(`^# ${folder}/\n\n\\S`))
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(25)
    expect(text).toContain('**May import:**')
    expect(text).toContain('**Start with**')
  })

  test('names files and folders that are there', () => {
    const named = Array.from(text.matchAll(/`([\w./-]+(?:\.(?:ts|mjs|md|yaml|mod)|\/))`/g), ([, path = '']) => path)
    const isThere = (path: string) => [folder, '.'].some((place) => existsSync(join(root, place, path)))
    const generated = ['dist/', '.freehold/']
    expect(named.filter((path) => !generated.includes(path) && !isThere(path))).toEqual([])
  })
})
