import type { OperationState } from '@freehold/sdk'
import type { RecordingStack } from './stack.ts'

const environments = ['prod', 'staging', 'test'].map((name) => ({ name }))

const manifest = (slug: string, spec: object) => ({
  apiVersion: 'freehold.dev/v1alpha1' as const,
  kind: 'Tenant' as const,
  metadata: { slug, name: slug },
  spec: { plan: 'pro', region: 'eu-north', ...spec },
})

/** Carries out every scenario, and gives for each recording, by kind and ending, the id of its workflow. */
export async function* playScenarios(stack: RecordingStack): AsyncGenerator<[name: string, workflowId: string]> {
  const { client, temporal, until, governs, refuse, hold, holdUntilCancelled, mend } = stack
  const workflow = (id: string) => temporal.workflow.getHandle(id)

  async function provision(slug: string, spec: object = {}): Promise<string> {
    return (await client.createTenant(manifest(slug, spec))).operation.id
  }
  /** Its undo failed as well. */
  async function failed(slug: string): Promise<string> {
    for (const name of ['migrate prod/1/database/schema', 'remove prod/topic', 'remove prod/runtime']) refuse(name)
    const id = await provision(slug)
    await until(id, 'failed')
    mend()
    return id
  }

  const succeeded = await provision('succeeded')
  await until(succeeded, 'succeeded')
  yield ['provision-succeeded', `provision/${succeeded}`]

  const several = await provision('several', { environments })
  await until(several, 'succeeded')
  yield ['provision-several-environments', `provision/${several}`]

  refuse('migrate prod/1/database/schema')
  const undone = await provision('undone')
  await until(undone, 'failed')
  mend()
  yield ['provision-failed', `provision/${undone}`]
  yield ['provision-failed-unresolved', `provision/${await failed('unresolved')}`]

  const beginning = hold('begin')
  const aborted = await provision('aborted')
  await beginning.reached
  await client.transition('aborted', 'abort')
  beginning.open()
  await until(aborted, 'aborted')
  mend()
  yield ['provision-aborted', `provision/${aborted}`]

  const inWave = holdUntilCancelled('ensure prod/1/database')
  const cancelled = await provision('cancelled')
  await inWave.reached
  await workflow(`provision/${cancelled}`).cancel()
  await until(cancelled, 'aborted')
  mend()
  yield ['provision-cancelled-in-wave', `provision/${cancelled}`]

  const settling = hold('settle succeeded')
  const late = await provision('late')
  await settling.reached
  await client.transition('late', 'abort')
  settling.open()
  await until(late, 'aborted')
  mend()
  yield ['provision-to-be-undone', `provision/${late}`]

  const held = hold('ensure prod/1/database')
  const again = await provision('again')
  await held.reached
  await workflow(`provision/${again}`).terminate('recorded')
  await until(again, 'interrupted')
  mend()
  held.open()
  await client.transition('again', 'retry')
  await until(again, 'succeeded')
  yield ['provision-second-attempt', `provision/${again}/2`]

  governs('open')
  const allowed = await provision('allowed')
  await until(allowed, 'succeeded')
  yield ['provision-allowed', `provision/${allowed}`]

  governs('closed')
  const denied = await provision('denied')
  await until(denied, 'failed')
  yield ['provision-denied', `provision/${denied}`]
  const kept = await client.transition('denied', 'purge', { confirm: 'denied' })
  await until(kept.id, 'failed')
  yield ['purge-denied', kept.workflowId]
  governs(undefined)

  const rotation = await client.rotateCredentials('succeeded')
  await until(rotation.id, 'succeeded')
  yield ['rotate-credentials-succeeded', rotation.workflowId]

  const rotating = hold('rotate prod/1/database')
  const uncancelled = await client.rotateCredentials('succeeded')
  await rotating.reached
  await workflow(uncancelled.workflowId).cancel()
  rotating.open()
  await until(uncancelled.id, 'succeeded')
  mend()
  yield ['rotate-credentials-cancel-ignored', uncancelled.workflowId]

  refuse('rotate prod/topic')
  const stalled = await client.rotateCredentials('succeeded')
  await until(stalled.id, 'interrupted')
  mend()
  yield ['rotate-credentials-stalled', stalled.workflowId]

  await until(await provision('lives'), 'succeeded')
  const life = async (command: 'suspend' | 'resume' | 'delete' | 'undelete', ending: OperationState) => {
    const { id, workflowId } = await client.transition('lives', command)
    await until(id, ending)
    mend()
    return workflowId
  }
  const closing = hold('freeze prod/topic/freeze')
  const suspended = await client.transition('lives', 'suspend')
  await closing.reached
  await workflow(suspended.workflowId).cancel()
  closing.open()
  await until(suspended.id, 'succeeded')
  mend()
  yield ['suspend-cancel-ignored', suspended.workflowId]
  refuse('thaw prod/topic/thaw')
  yield ['resume-failed', await life('resume', 'failed')]
  yield ['resume-succeeded', await life('resume', 'succeeded')]
  yield ['suspend-succeeded', await life('suspend', 'succeeded')]
  await life('resume', 'succeeded')
  refuse('freeze prod/topic/freeze')
  yield ['delete-stalled', await life('delete', 'interrupted')]
  const { id: retried } = await client.transition('lives', 'retry')
  await until(retried, 'succeeded')
  refuse('thaw prod/topic/thaw')
  yield ['undelete-failed', await life('undelete', 'failed')]
  yield ['undelete-succeeded', await life('undelete', 'succeeded')]
  yield ['delete-succeeded', await life('delete', 'succeeded')]

  yield* playUpdates(stack, provision)
  yield* playArchives(stack, provision)

  const purge = await client.transition('unresolved', 'purge', { confirm: 'unresolved' })
  await until(purge.id, 'succeeded')
  yield ['purge-succeeded', purge.workflowId]

  await failed('left')
  refuse('remove prod/topic')
  const stuck = await client.transition('left', 'purge', { confirm: 'left' })
  await until(stuck.id, 'interrupted')
  mend()
  yield ['purge-stalled', stuck.workflowId]
  await client.transition('left', 'retry')
  await until(stuck.id, 'succeeded')
  yield ['purge-retried', `${stuck.workflowId}/2`]
}

/** Endings of updates: before the manifest is in force they are undone, behind it they only go forward. */
async function* playUpdates(
  { client, temporal, until, refuse, hold, mend }: RecordingStack,
  provision: (slug: string, spec?: object) => Promise<string>,
): AsyncGenerator<[name: string, workflowId: string]> {
  await until(await provision('changes'), 'succeeded')
  const update = async (spec: object, ending?: OperationState) => {
    const { operation } = await client.applyTenant('changes', manifest('changes', spec))
    if (operation === null) throw new Error('nothing differs')
    if (ending !== undefined) await until(operation.id, ending)
    return operation
  }
  const [two, one] = [{ environments: environments.slice(0, 2) }, {}]
  refuse('migrate staging/1/database/schema')
  yield ['update-failed', (await update(two, 'failed')).workflowId]
  mend()
  yield ['update-succeeded', (await update(two, 'succeeded')).workflowId]

  const inForce = hold('putInForce')
  const late = await update(one)
  await inForce.reached
  await client.transition('changes', 'abort')
  inForce.open()
  await until(late.id, 'aborted')
  mend()
  yield ['update-to-be-undone', late.workflowId]

  const closing = hold('freeze staging/topic/freeze')
  const removing = await update(one)
  await closing.reached
  await temporal.workflow.getHandle(removing.workflowId).cancel()
  closing.open()
  await until(removing.id, 'succeeded')
  mend()
  yield ['update-cancel-ignored', removing.workflowId]

  await update(two, 'succeeded')
  refuse('remove staging/topic')
  const { id, workflowId } = await update(one, 'interrupted')
  mend()
  yield ['update-stalled', workflowId]
  await client.transition('changes', 'retry')
  await until(id, 'succeeded')
  yield ['update-retried', `${workflowId}/2`]
}

/** Endings of archives and restores: before an archive is proven to be sound it is undone, behind it only goes forward. */
async function* playArchives(
  { client, temporal, until, refuse, hold, mend }: RecordingStack,
  provision: (slug: string, spec?: object) => Promise<string>,
): AsyncGenerator<[name: string, workflowId: string]> {
  await until(await provision('rests'), 'succeeded')
  const move = async (command: 'archive' | 'restore', ending?: OperationState) => {
    const operation = await client.transition('rests', command)
    if (ending !== undefined) await until(operation.id, ending)
    return operation
  }
  refuse('export prod/object-store/export')
  yield ['archive-failed', (await move('archive', 'failed')).workflowId]
  mend()

  const proven = hold('putInForce')
  const late = await move('archive')
  await proven.reached
  await client.transition('rests', 'abort')
  proven.open()
  await until(late.id, 'aborted')
  mend()
  yield ['archive-to-be-undone', late.workflowId]
  yield ['archive-succeeded', (await move('archive', 'succeeded')).workflowId]

  refuse('compare prod/2/database/compare')
  yield ['restore-failed', (await move('restore', 'failed')).workflowId]
  mend()
  yield ['restore-succeeded', (await move('restore', 'succeeded')).workflowId]

  const removing = hold('remove prod/topic')
  const cancelled = await move('archive')
  await removing.reached
  await temporal.workflow.getHandle(cancelled.workflowId).cancel()
  removing.open()
  await until(cancelled.id, 'succeeded')
  mend()
  yield ['archive-cancel-ignored', cancelled.workflowId]

  await move('restore', 'succeeded')
  refuse('remove prod/topic')
  const { id, workflowId } = await move('archive', 'interrupted')
  mend()
  yield ['archive-stalled', workflowId]
  await client.transition('rests', 'retry')
  await until(id, 'succeeded')
  yield ['archive-retried', `${workflowId}/2`]
}
