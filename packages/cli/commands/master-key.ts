import { print } from '../output.ts'
import type { Session } from '../session.ts'

/** `rotate-master-key`: the tenant's own key stays, and is wrapped anew. */
export async function rotateMasterKey(
  { client, io, format }: Session,
  tenant: string,
  { reason }: { reason?: string },
) {
  const key = await client.rotateMasterKey(tenant, { reason })
  print(
    io.stdout,
    format,
    key,
    () => `${tenant} has master key ${key.id}; ${key.before ?? 'the shared one'} opens it no more`,
  )
}
