import type { Session } from '../session.ts'
import { print } from '../output.ts'

/** `hold set`: nobody deletes or purges the tenant from now on. */
export async function setHold({ client, io, format }: Session, tenant: string, { reason }: { reason: string }) {
  const held = await client.setLegalHold(tenant, { reason })
  print(io.stdout, format, held, () => `${held.slug} is under legal hold: ${reason}`)
}

/** `hold lift`: it may be deleted and purged again. */
export async function liftHold({ client, io, format }: Session, tenant: string, { reason }: { reason?: string }) {
  const free = await client.liftLegalHold(tenant, { reason })
  print(io.stdout, format, free, () => `${free.slug} is under no legal hold any more`)
}
