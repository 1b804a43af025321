import { FreeholdError } from '../domain/errors.ts'
import { isUuid } from '../domain/names.ts'
import { Operation, type OperationRow } from './entities/operation.ts'
import type { EntityManager } from './orm.ts'

/** One operation, to read. Throws `operation_not_found`. */
export async function findOperation(em: EntityManager, id: string): Promise<OperationRow> {
  const row = isUuid(id) ? await em.findOne(Operation, { id: id.toLowerCase() }) : null
  if (row === null) throw new FreeholdError('operation_not_found', `there is no operation "${id.slice(0, 64)}"`)
  return row
}
