import { FreeholdError } from '../domain/errors.ts'
import { Operation, type OperationRow } from './entities/operation.ts'
import type { EntityManager } from './orm.ts'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** One operation, to read. Throws `operation_not_found`. */
export async function findOperation(em: EntityManager, id: string): Promise<OperationRow> {
  const row = uuid.test(id) ? await em.findOne(Operation, { id: id.toLowerCase() }) : null
  if (row === null) throw new FreeholdError('operation_not_found', `there is no operation "${id.slice(0, 64)}"`)
  return row
}
