import { expect, test } from 'vitest'
import { describeConfig, readConfig } from '../../../base/config.ts'
import { failureOf } from '../domain/support.ts'

test('an empty environment gives a configuration that listens on loopback only', () => {
  expect(readConfig({})).toMatchObject({ FREEHOLD_HOST: '127.0.0.1', FREEHOLD_PORT: 7070, LOG_LEVEL: 'info' })
  expect(readConfig({}).DATABASE_URL).toBeUndefined()
})

test('numbers are read from text, and other variables of the machine are left alone', () => {
  expect(readConfig({ FREEHOLD_PORT: '0', PATH: '/bin' })).not.toHaveProperty('PATH')
  expect(readConfig({ FREEHOLD_PORT: '0' }).FREEHOLD_PORT).toBe(0)
})

test('a time that no timer can wait for is refused, and is not over at once', () => {
  expect(readConfig({ FREEHOLD_ARCHIVE_TIMEOUT_MS: String(2 ** 31 - 1) }).FREEHOLD_ARCHIVE_TIMEOUT_MS).toBe(2 ** 31 - 1)
  const failure = failureOf(() => readConfig({ FREEHOLD_ARCHIVE_TIMEOUT_MS: String(30 * 24 * 3_600_000) }))
  expect(failure).toMatchObject({
    code: 'configuration_invalid',
    message: expect.stringContaining('FREEHOLD_ARCHIVE_'),
  })
})

test('an empty variable counts as unset, but for the migrations, where it means none', () => {
  expect(readConfig({ FREEHOLD_PORT: '', DATABASE_URL: '' })).toEqual(readConfig({}))
  expect(readConfig({ FREEHOLD_MIGRATIONS_DIR: '' }).FREEHOLD_MIGRATIONS_DIR).toBe('')
})

test('a mistyped variable is refused with the nearest name', () => {
  const failure = failureOf(() => readConfig({ FREEHOLD_PROT: '7070' }))
  expect(failure.code).toBe('configuration_invalid')
  expect(failure.message).toContain('unknown variable FREEHOLD_PROT; did you mean FREEHOLD_PORT?')
})

test('variables of the command line client and of cells may stand beside', () => {
  const beside = { FREEHOLD_URL: 'http://127.0.0.1:7070', FREEHOLD_API_KEY: 'x', FREEHOLD_CELL_EU_DATABASE: 'x' }
  expect(readConfig(beside)).toEqual(readConfig({}))
})

test.each([
  ['FREEHOLD_PORT', '70700'],
  ['FREEHOLD_PORT', '-1'],
  ['FREEHOLD_PORT', 'hunter2'],
  ['FREEHOLD_ACTIVITY_TIMEOUT_MS', '0'],
  ['FREEHOLD_WORKER_CONCURRENCY', '1.5'],
  ['LOG_FORMAT', 'hunter2'],
])('%s=%s is refused by name, without its value', (name, value) => {
  const failure = failureOf(() => readConfig({ [name]: value }))
  expect(failure.code).toBe('configuration_invalid')
  expect(failure.message).toContain(name)
  expect(failure.message).not.toContain('hunter2')
})

test('every variable has a meaning to print', () => {
  const described = describeConfig()
  expect(described.filter(({ meaning }) => meaning === '')).toEqual([])
  expect(described).toContainEqual({ name: 'FREEHOLD_PORT', standard: '7070', meaning: 'Port of the API' })
})
