import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeArea, readState } from '../../../isolation/mappers/object-store/area.ts'
import { temporaryDirectory } from '../../support/temp-dir.ts'

test('an area that another try removes at the same moment is gone, and no stranger’s', async () => {
  const root = temporaryDirectory()
  const place = { root, folder: join(root, 'area') }
  await makeArea(place, { owner: 'acme', placement: 1, epoch: 1, fence: 1 }, false)
  expect(await readState(place)).toMatchObject({ owner: 'acme' })
  let looks = 0
  /** It goes between the look at the folder and the one at its tag. */
  const going = {
    root,
    get folder() {
      looks += 1
      if (looks === 3) rmSync(place.folder, { recursive: true })
      return place.folder
    },
  }
  expect(await readState(going)).toBeUndefined()
})
