import { FreeholdError } from '../../domain/errors.ts'
import { asideOf, buildAside, putAside, type Aside } from './aside.ts'
import { captureBack, closeTarget, createSlot, dropStream, publish, streamsOf, subscribe } from './capture.ts'
import { copyTables, CopyError, type CopyProgress } from './copy.ts'
import { connectMover, withMover, type Move } from './end.ts'
import type { Blocker } from '../../domain/relocation.ts'
import { inspectSchema, type MoveTable } from './inspect.ts'
import { grantMover } from './rights.ts'
import { serverBlockers } from './server-blockers.ts'
import { listed, requireSameStructure } from './same-structure.ts'
import { awaitSound, requireSound } from './stream-health.ts'
import { createTokenBucket } from './token-bucket.ts'

/** Where a filling is, for people. */
export type FillProgress = {
  readonly phase: 'preflight' | 'prepare' | 'copy' | 'build' | 'catch-up'
  readonly table?: string
  readonly bytes?: number
  readonly bytesInAll?: number
  readonly rows?: number
}

export type FillOptions = {
  /** Of the claim of this try; markers carry it. */
  readonly fence: number
  /** Bytes a second; no limit where absent. */
  readonly throttle?: number | undefined
  /** How long to wait for transactions that were open before, in milliseconds. */
  readonly slotWaitMs: number
  readonly onProgress: (progress: FillProgress) => void
  readonly signal: AbortSignal
}

/** What is known once the target follows the source. */
export type Filled = {
  readonly tables: readonly { readonly name: string; readonly rows: number; readonly bytes: number }[]
  readonly bytes: number
  readonly ms: number
  readonly lsn: string
  readonly triggers: Pick<Aside, 'quiet' | 'wake'>
}

/**
 * Makes the target a copy of the source that follows it, both ways: preflight, publication, slot, copy, indexes, subscriptions. Begun
 * again it begins anew, because the snapshot of a copy ends with its worker. The source goes on as before; nothing here stops
 * a writer. Throws `move_unsupported` with what cannot move, `move_blocked` and `mover_missing`.
 */
export async function fill(move: Move, options: FillOptions): Promise<Filled> {
  const { signal, onProgress } = options
  const began = performance.now()
  const { source, target } = move
  const { forward, reverse } = streamsOf(move)
  onProgress({ phase: 'preflight' })
  // One after the other: both may be on one server, and then it is one role.
  await grantMover(source, signal)
  await grantMover(target, signal)
  await dropStream(reverse, signal)
  await dropStream(forward, signal)
  const atTarget = await withMover(target, { signal }, (client) =>
    serverBlockers(client, { role: 'target', ownerRole: target.names.ownerRole }),
  )
  const { tables, bytes, aside } = await withMover(source, { signal }, async (client) => {
    const atSource = await serverBlockers(client, { role: 'source', ownerRole: source.names.ownerRole })
    const inspected = await inspectSchema(client, source.names.schema)
    requireMovable([...atSource, ...atTarget, ...inspected.blockers])
    return { ...inspected, aside: await asideOf(client, source.names.schema) }
  })
  onProgress({ phase: 'prepare', bytesInAll: bytes })
  await closeTarget(move, signal)
  const names = tables.map(({ name }) => name)
  await publish(move, forward, names, signal)
  await withMover(target, { signal }, (client) => putAside(client, aside))
  const slot = await createSlot(forward, options.slotWaitMs, signal)
  let copied: CopyProgress[]
  try {
    copied = await copyAll(move, tables, { ...options, snapshot: slot.snapshot, bytes })
  } finally {
    await slot.end()
  }
  onProgress({ phase: 'build' })
  await withMover(target, { signal }, (client) => buildAside(client, [...aside.build, ...aside.refresh], { signal }))
  onProgress({ phase: 'catch-up' })
  await subscribe(forward, signal)
  await captureBack(move, names, options.slotWaitMs, signal)
  await catchUp(move, names.length + 1, options)
  return {
    tables: copied.map(({ table, rows, bytes: size }) => ({ name: table, rows, bytes: size })),
    bytes: copied.reduce((sum, one) => sum + one.bytes, 0),
    ms: performance.now() - began,
    lsn: slot.lsn,
    triggers: { quiet: aside.quiet, wake: aside.wake },
  }
}

function requireMovable(blockers: readonly Blocker[]): void {
  const found = blockers.filter(({ isWarning }) => isWarning !== true)
  if (found.length === 0) return
  const said = found.map(({ object, message, remedy }) => ({
    message: `${object}: ${message}; ${remedy}`,
    path: object,
  }))
  throw new FreeholdError('move_unsupported', `the schema has what cannot be moved: ${listed(said)}`, { details: said })
}

async function copyAll(
  { source, target }: Move,
  tables: readonly MoveTable[],
  { snapshot, bytes, throttle, signal, onProgress }: FillOptions & { snapshot: string; bytes: number },
): Promise<CopyProgress[]> {
  const sizes = new Map<string, CopyProgress>()
  try {
    return await copyTables({
      tables,
      schema: source.names.schema,
      snapshot,
      source: () => connectMover(source, { signal }),
      target: () => connectMover(target, { signal }),
      bucket: createTokenBucket(throttle),
      onProgress(progress) {
        sizes.set(progress.table, progress)
        const all = [...sizes.values()]
        const sum = (of: 'bytes' | 'rows') => all.reduce((total, one) => total + one[of], 0)
        onProgress({ phase: 'copy', table: progress.table, bytes: sum('bytes'), rows: sum('rows'), bytesInAll: bytes })
      },
      signal,
    })
  } catch (error) {
    if (!(error instanceof CopyError)) throw error
    const isFull = error.code === '53100'
    throw new FreeholdError(
      'substrate_unavailable',
      `${error.message}${isFull ? '; the disk of that server is full: give it room' : ''}. Writers of the tenant go on at the source; the copy is begun anew`,
    )
  }
}

/** Waits until what was written meanwhile has arrived, and both sides are made of the same things. */
async function catchUp(move: Move, tables: number, { fence, signal }: FillOptions): Promise<void> {
  const { forward, reverse } = streamsOf(move)
  const marker = `ready/${fence}`
  await withMover(move.source, { signal }, (source) =>
    withMover(move.target, { signal }, async (target) => {
      await awaitSound(move, forward, { from: source, to: target, tables, marker, signal })
      await requireSound(reverse, tables, source)
      await requireSameStructure(
        { client: source, schema: move.source.names.schema },
        { client: target, schema: move.target.names.schema },
      )
    }),
  )
}
