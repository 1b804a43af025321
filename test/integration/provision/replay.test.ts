import { readdirSync, readFileSync } from 'node:fs'
import { Worker } from '@temporalio/worker'
import { expect, it } from 'vitest'

const folder = new URL('../../replay/histories/', import.meta.url)
const files = readdirSync(folder)

/** Histories recorded by `scripts/record-histories.ts`: a change of the workflows must still replay what is under way. */
it.each(files)('%s replays', async (file) => {
  const history: unknown = JSON.parse(readFileSync(new URL(file, folder), 'utf8'))
  await expect(
    Worker.runReplayHistory(
      { workflowsPath: new URL('../../../workflows/index.ts', import.meta.url).pathname },
      history,
    ),
  ).resolves.toBeUndefined()
})

it('has histories of every kind', () => {
  expect(files.toSorted((a, b) => a.localeCompare(b))).toEqual([
    'provision-aborted.json',
    'provision-failed.json',
    'provision-succeeded.json',
    'purge.json',
    'rotate-credentials.json',
  ])
})
