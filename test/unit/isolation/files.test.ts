import { mkdir, mkdtemp, realpath, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { refuseLinks } from '../../../isolation/mappers/files.ts'

let root: string
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'freehold-files-')))
})
afterEach(() => rm(root, { recursive: true, force: true }))

test('a path over a link is refused, and a dangling one as well', async () => {
  await mkdir(join(root, 'real'))
  await symlink(join(root, 'real'), join(root, 'link'))
  await symlink(join(root, 'nothing'), join(root, 'dangling'))
  for (const name of ['link', 'dangling'])
    await expect(refuseLinks(join(root, name, 'file'))).rejects.toMatchObject({ code: 'forbidden' })
  await refuseLinks(join(root, 'real', 'not-there', 'file'))
})

test('a folder that comes and goes meanwhile is no link', async () => {
  const folder = join(root, 'area')
  let isOver = false
  const others = (async () => {
    while (!isOver) {
      await mkdir(folder, { recursive: true })
      await rm(folder, { recursive: true })
    }
  })()
  const outcomes: PromiseSettledResult<unknown>[] = []
  const lookAgain = async () => {
    for (let looks = 0; looks < 500; looks += 1)
      outcomes.push(...(await Promise.allSettled([refuseLinks(join(folder, 'file'))])))
  }
  await Promise.all([lookAgain(), lookAgain(), lookAgain()])
  isOver = true
  await others
  expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([])
})
