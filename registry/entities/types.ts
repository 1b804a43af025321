import { p, sql, Type } from '@mikro-orm/core'

/** PostgreSQL's label path, written as text with dots. */
export class LtreeType extends Type<string, string> {
  override getColumnType(): string {
    return 'ltree'
  }
  override compareAsType(): string {
    return 'string'
  }
}

/** A range of addresses, such as 10.64.0.16/28. */
export class CidrType extends Type<string, string> {
  override getColumnType(): string {
    return 'cidr'
  }
  override compareAsType(): string {
    return 'string'
  }
}

/** A moment by the database's clock, which is the only clock of stored times. */
export function instant() {
  return p.datetime().columnType('timestamptz').defaultRaw('now()')
}

/** A moment that is not known yet. */
export function laterInstant() {
  return p.datetime().columnType('timestamptz').nullable()
}

/** The database's clock at the time of the write, for assigning to a moment; the value is read back by the flush. */
export function databaseNow(): Date {
  return sql.now() as unknown as Date
}
