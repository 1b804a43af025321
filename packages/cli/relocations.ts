import type { Client, Relocation, Report } from '@freehold/sdk'
import { CliError, exitCodes } from './failures.ts'

const isOpen = ({ state }: Relocation) => state === 'moving' || state === 'soaking'

/** The one move of a tenant that is open. Throws CliError where there is none, or more than one. */
export async function openRelocation(client: Client, tenant: string): Promise<Relocation> {
  const open = (await client.listRelocations(tenant)).filter(isOpen)
  const [only] = open
  if (only === undefined)
    throw new CliError(exitCodes.refused, `no relocation of ${tenant} is open`, {
      code: 'relocation_not_found',
      next: `see the newest: freehold relocate status ${tenant}`,
    })
  if (open.length === 1) return only
  throw new CliError(exitCodes.usage, `${tenant} has more than one open relocation`, {
    notes: open.map(({ id, environment, state }) => `  ${id}  ${environment}, ${state}`),
    next: 'name one of them, behind the tenant',
  })
}

/** A move by its id; without one, the open move of a tenant, or else the newest. Throws CliError where there is none. */
export async function openOrNewest(client: Client, tenant: string, id: string | undefined): Promise<Relocation> {
  if (id !== undefined) return client.getRelocation(tenant, id)
  const all = await client.listRelocations(tenant)
  const found = all.find(isOpen) ?? all[0]
  if (found !== undefined) return found
  throw new CliError(exitCodes.refused, `${tenant} was never moved`, {
    code: 'relocation_not_found',
    next: `freehold relocate ${tenant} --to PROFILE --wait`,
  })
}

/** The report of a move, once it was proven. */
export async function reportOf(
  client: Client,
  tenant: string,
  { id, verified }: Relocation,
): Promise<Report | undefined> {
  // Nothing was proven, so nothing is signed.
  if (verified === null) return undefined
  return (await client.listReports(tenant)).findLast(({ kind, operation }) => kind === 'relocation' && operation === id)
}
