import { expect, test } from 'vitest'
import { objectStore } from '../../../domain/platform.ts'

test('a store without a kind is a folder, as all were before there were kinds', () => {
  const folder = { kind: 'file-system', root: '/srv/objects', container: 'data-shared' }
  expect(objectStore.parse({ root: '/srv/objects' })).toEqual(folder)
  expect(objectStore.parse(folder)).toEqual(folder)
})

test.each([
  [{ kind: 'tape', root: '/srv' }, 'kind'],
  [{ kind: 'file-system' }, 'root'],
  [{ root: '/srv', bucket: 'x' }, ''],
  ['/srv', ''],
])('is refused with the place: %j', (value, path) => {
  expect(objectStore.safeParse(value).error?.issues[0]?.path.join('.')).toBe(path)
})
