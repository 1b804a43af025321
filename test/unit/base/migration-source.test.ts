import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { openMigrationSource } from '../../../base/migration-source.ts'
import { temporaryDirectory } from '../../support/temp-dir.ts'

function source(files: Record<string, string>) {
  const directory = temporaryDirectory()
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, file)), { recursive: true })
    writeFileSync(join(directory, file), text)
  }
  return openMigrationSource(directory)
}

test('orders versions by meaning and files by number, up to the wanted version', async () => {
  const { versions, migrationsUpTo } = source({
    '1.10.0/001-c.sql': 'c',
    '1.2.0/900-seed.sql': 'seed',
    '1.2.0/010-b.sql': 'b',
    '1.2.0/002-a.sql': 'a',
    '1.2.0/.gitkeep': '',
    '2.0.0/001-d.sql': 'd',
  })
  expect(await versions()).toEqual(['1.2.0', '1.10.0', '2.0.0'])
  expect((await migrationsUpTo('1.10.0')).map(({ version, file, sql }) => [version, file, sql])).toEqual([
    ['1.2.0', '1.2.0/002-a.sql', 'a'],
    ['1.2.0', '1.2.0/010-b.sql', 'b'],
    ['1.2.0', '1.2.0/900-seed.sql', 'seed'],
    ['1.10.0', '1.10.0/001-c.sql', 'c'],
  ])
})

test('a checksum follows the text, not the line ends of a checkout', async () => {
  const checksum = async (text: string) =>
    (await source({ '1.0.0/001-a.sql': text }).migrationsUpTo('1.0.0'))[0]?.checksum
  expect(await checksum('a\nb')).toBe(await checksum('a\r\nb'))
  expect(await checksum('a\nb')).not.toBe(await checksum('a\nc'))
})

test.each([
  ['a number used twice', { '1.0.0/001-a.sql': '', '1.0.0/001-b.sql': '' }, '001-b.sql has the number of 001-a.sql'],
  ['a strange file', { '1.0.0/readme.md': '' }, '1.0.0/readme.md is not'],
  ['a strange folder', { 'latest/001-a.sql': '' }, 'latest is not'],
  ['a version with a prefix', { 'v1.0.0/001-a.sql': '' }, 'v1.0.0 is not'],
  ['a file for a version', { '1.0.0': '' }, '1.0.0 is not a folder'],
])('refuses %s, with its path', async (_, files, message) => {
  const { versions, migrationsUpTo } = source(files)
  const work = versions().then(() => migrationsUpTo('1.0.0'))
  await expect(work).rejects.toMatchObject({ code: 'configuration_invalid', message: expect.stringContaining(message) })
})

test('a folder that is missing is an error; none configured is an empty source', async () => {
  const missing = openMigrationSource('/nonexistent/freehold')
  await expect(missing.versions()).rejects.toMatchObject({
    code: 'configuration_invalid',
    message: expect.stringContaining('/nonexistent/freehold'),
  })
  const none = openMigrationSource(undefined)
  expect(await none.versions()).toEqual([])
  await expect(none.migrationsUpTo('1.0.0')).rejects.toMatchObject({ code: 'schema_version_unknown' })
})
