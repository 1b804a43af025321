import { textAt, type JsonObject } from '../domain/json.ts'
import { readSpec } from '../domain/resources.ts'
import type { Target } from '../isolation/mapper.ts'
import type { Claim } from '../operations/claim.ts'
import type { RelocationRow } from '../registry/entities/relocation.ts'
import { findPlaced, findRelocation } from '../registry/relocations.ts'
import { sqlOf } from '../registry/pool.ts'
import type { ActivityDeps } from './deps.ts'
import { targetOf } from './target.ts'

/** The move that a step belongs to, and what it moves of one kind at both of its ends. */
export async function placesOf<K extends 'database' | 'object-store'>(
  deps: ActivityDeps,
  claim: Claim,
  target: Target,
  kind: K,
): Promise<{ relocation: RelocationRow; source: Target<K>; target: Target<K> }> {
  const sql = sqlOf(deps.orm.pool)
  const relocation = await findRelocation(sql, claim.tenantId, await relocationId(deps, claim))
  const { environment } = relocation
  const at = async (number: number): Promise<Target<K>> => {
    const found = await findPlaced(sql, claim.tenantId, { environment, number, kind })
    const spec = readSpec(found.spec, found.specVersion)
    const subject = { ...claim, spec, cell: found.cell, bus: null, birth: target.birth }
    return (await targetOf(deps, subject, target.timeoutMs, target.signal)) as Target<K>
  }
  return { relocation, source: await at(relocation.source), target: await at(relocation.target) }
}

/** A move is named by the operation that began it, and in what those that end it are recorded with. */
async function relocationId({ orm }: ActivityDeps, { kind, operationId }: Claim): Promise<string> {
  if (kind === 'relocate') return operationId
  const [row] = await sqlOf(orm.pool)<{ parameters: JsonObject }>({
    name: 'parameters-of',
    text: 'select parameters from operations where id = $1',
    values: [operationId],
  })
  return textAt(row?.parameters ?? {}, 'relocation')
}
