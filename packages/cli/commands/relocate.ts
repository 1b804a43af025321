import type { Operation, Relocation, RelocationAccepted } from '@freehold/sdk'
import { nextLines } from '../failures.ts'
import { moveProgress } from '../move-progress.ts'
import { awaitOperation } from '../outcome.ts'
import { print } from '../output.ts'
import { openOrNewest, openRelocation, reportOf } from '../relocations.ts'
import { relocationForPeople } from '../relocation-view.ts'
import type { Session } from '../session.ts'

type Given = { wait?: true; reason?: string }
type Wanted = Given & {
  to: string
  cell?: string
  environment?: string
  pauseBudgetMs?: number
  throttle?: number
  soak?: number
  approval?: true
  window?: { from: string; until: string }
}

/** `relocate TENANT`: begins a move; with `wait`, shows how it goes on, and what the cut took and what was proven. */
export async function relocate(session: Session, tenant: string, { wait, to, soak, ...wanted }: Wanted): Promise<void> {
  const accepted = await session.client.relocateTenant(tenant, { profile: to, soakSeconds: soak, ...wanted })
  await showAccepted(session, accepted, { wait, wanted: 'succeeded' })
}

/** `relocate status`: one move, by default the open one, or else the newest; with `wait`, follows one that is under way. */
export async function relocationStatus(
  session: Session,
  tenant: string,
  id: string | undefined,
  { wait }: Given,
): Promise<void> {
  const relocation = await openOrNewest(session.client, tenant, id)
  // A move has the id of the operation that makes it.
  const operation = await session.client.getOperation(relocation.id)
  if (wait && relocation.state === 'moving')
    await showAccepted(session, { relocation, operation }, { wait, wanted: 'succeeded' })
  else await show(session, relocation, operation)
}

/** A command to a move that is there already, by default the open one. */
export async function commandRelocation(
  session: Session,
  command: 'approve' | 'rollback' | 'complete' | 'abort',
  tenant: string,
  id: string | undefined,
  { wait, reason }: Given,
): Promise<void> {
  const { client } = session
  const relocation = id ?? (await openRelocation(client, tenant)).id
  const commands = {
    approve: client.approveRelocation,
    rollback: client.rollbackRelocation,
    complete: client.completeRelocation,
    abort: client.abortRelocation,
  }
  const accepted = await commands[command](tenant, relocation, { reason })
  await showAccepted(session, accepted, { wait, wanted: command === 'abort' ? 'aborted' : 'succeeded' })
}

async function showAccepted(
  session: Session,
  { relocation, operation }: RelocationAccepted,
  { wait, wanted }: { wait: true | undefined; wanted: 'succeeded' | 'aborted' },
): Promise<void> {
  const { client, io, format } = session
  const { slug } = operation.tenant
  if (wait === undefined) {
    await show(session, relocation, operation)
    if (format === 'table') io.stderr.write(nextLines([`freehold relocate status ${slug} ${relocation.id} --wait`]))
    return
  }
  let last = operation
  const tell = moveProgress()
  const now = () => client.getRelocation(slug, relocation.id)
  try {
    await awaitOperation(session, operation.id, {
      wanted,
      seen: (state) => {
        last = state
      },
      look: async () => tell(await now()),
    })
  } finally {
    // When the API is out of reach, what was seen last is the answer, and the error says why.
    await show(session, await now().catch(() => relocation), last)
  }
}

async function show(session: Session, relocation: Relocation, operation: Operation): Promise<void> {
  const { io, format } = session
  const { slug } = operation.tenant
  const report = (await reportOf(session.client, slug, relocation).catch(() => undefined))?.id ?? null
  print(io.stdout, format, { relocation, operation, report }, () => relocationForPeople(slug, relocation, report))
}
