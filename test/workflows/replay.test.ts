import { cp, readFile, symlink, writeFile } from 'node:fs/promises'
import { readdirSync, readFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from '@temporalio/worker'
import { DeterminismViolationError } from '@temporalio/workflow'
import { expect, it } from 'vitest'
import { workflowName, type OperationKind } from '../../domain/operation.ts'
import { workflowBundle } from '../../worker/workflow-bundle.ts'
import { temporaryDirectory } from '../support/temp-dir.ts'

const root = join(import.meta.dirname, '../..')
const folder = join(root, 'test/replay/histories')

/**
 * Histories that `npm run histories` records: a change of the workflows must still replay what is under way. Those of a new
 * kind come with the release that brings it; until then none of it is under way.
 */
const endings = {
  provision: {
    // Told by the registry: nobody cancelled the workflow.
    aborted: 'FAILED',
    allowed: 'COMPLETED',
    'cancelled-in-wave': 'CANCELED',
    denied: 'FAILED',
    failed: 'FAILED',
    'failed-unresolved': 'FAILED',
    'second-attempt': 'COMPLETED',
    'several-environments': 'COMPLETED',
    succeeded: 'COMPLETED',
    'to-be-undone': 'FAILED',
  },
  archive: {
    'cancel-ignored': 'COMPLETED',
    failed: 'FAILED',
    retried: 'COMPLETED',
    stalled: 'FAILED',
    succeeded: 'COMPLETED',
    'to-be-undone': 'FAILED',
  },
  restore: { failed: 'FAILED', succeeded: 'COMPLETED' },
  delete: { stalled: 'FAILED', succeeded: 'COMPLETED' },
  purge: { denied: 'FAILED', retried: 'COMPLETED', stalled: 'FAILED', succeeded: 'COMPLETED' },
  resume: { failed: 'FAILED', succeeded: 'COMPLETED' },
  suspend: { 'cancel-ignored': 'COMPLETED', succeeded: 'COMPLETED' },
  undelete: { failed: 'FAILED', succeeded: 'COMPLETED' },
  update: {
    'cancel-ignored': 'COMPLETED',
    failed: 'FAILED',
    retried: 'COMPLETED',
    stalled: 'FAILED',
    succeeded: 'COMPLETED',
    'to-be-undone': 'FAILED',
  },
  'rotate-credentials': { 'cancel-ignored': 'COMPLETED', stalled: 'FAILED', succeeded: 'COMPLETED' },
} satisfies Partial<Record<OperationKind, Record<string, 'COMPLETED' | 'FAILED' | 'CANCELED'>>>

type Event = {
  eventType: string
  workflowExecutionStartedEventAttributes?: { workflowType: { name: string }; workflowId: string }
}
const recordings = Object.entries(endings).flatMap(([kind, ends]) =>
  Object.entries(ends).map(([ending, status]) => ({ kind: kind as OperationKind, ending, status })),
)
const textOf = (kind: OperationKind, ending: string) => readFileSync(join(folder, `${kind}-${ending}.json`), 'utf8')
const eventsOf = (kind: OperationKind, ending: string) =>
  (JSON.parse(textOf(kind, ending)) as { events: Event[] }).events

async function replay(kind: OperationKind, ending: string, bundle: { code: string }): Promise<void> {
  const events = eventsOf(kind, ending)
  const id = events[0]?.workflowExecutionStartedEventAttributes?.workflowId
  await Worker.runReplayHistory({ workflowBundle: bundle }, { events }, id)
}

it('every recording is in the list, and the other way round', () => {
  const listed = recordings.map(({ kind, ending }) => `${kind}-${ending}.json`)
  expect(readdirSync(folder).toSorted()).toEqual(listed.toSorted())
})

it.each(recordings)('$kind $ending replays', async ({ kind, ending, status }) => {
  const events = eventsOf(kind, ending)
  expect(events[0]?.workflowExecutionStartedEventAttributes?.workflowType.name).toBe(workflowName(kind))
  expect(events.at(-1)?.eventType).toBe(`EVENT_TYPE_WORKFLOW_EXECUTION_${status}`)
  await replay(kind, ending, await workflowBundle(new URL('../../workflows/index.ts', import.meta.url)))
})

it.each(recordings)('$kind $ending tells nothing of the machine that recorded it', ({ kind, ending }) => {
  const text = textOf(kind, ending)
  const payloads = Array.from(text.matchAll(/"data":"([^"]*)"/g), ([, data = '']) => atob(data))
  expect(payloads.length).toBeGreaterThan(3)
  const own = [hostname(), userInfo().homedir, root, '/tmp/', '127.0.0.1', 'localhost', '"identity"', 'stackTrace']
  expect(own.filter((word) => [text, ...payloads].some((part) => part.includes(word)))).toEqual([])
})

it('another order of steps makes the replay fail', async () => {
  const changed = temporaryDirectory()
  for (const name of ['domain', 'base', 'node_modules']) await symlink(join(root, name), join(changed, name))
  await cp(join(root, 'workflows'), join(changed, 'workflows'), { recursive: true })
  const path = join(changed, 'workflows/steps.ts')
  const text = await readFile(path, 'utf8')
  expect(text).toContain('of waves(steps)')
  await writeFile(path, text.replace('of waves(steps)', 'of waves(steps).toReversed()'))
  const bundle = await workflowBundle(pathToFileURL(join(changed, 'workflows/index.ts')))
  await expect(replay('provision', 'succeeded', bundle)).rejects.toThrow(DeterminismViolationError)
})
