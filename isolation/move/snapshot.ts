import { together } from '../mappers/database/connections.ts'
import type { MoverClient } from './end.ts'

/** Begins a transaction of a session and gives the name of its snapshot, which is there for as long as the transaction is. */
export async function exportSnapshot(client: MoverClient): Promise<string> {
  const [, result] = await together(
    client,
    'begin isolation level repeatable read read only',
    'select pg_catalog.pg_export_snapshot() as snapshot',
  )
  const [{ snapshot } = { snapshot: '' }] = (result?.rows ?? []) as { snapshot: string }[]
  return snapshot
}
