import pg from 'pg'
import { scramVerifier } from '../crypto/scram.ts'
import { newCode, newPassword } from '../crypto/tokens.ts'
import { databaseNames, databasePasswordSecret, quoteIdentifier } from '../domain/names.ts'
import { resourceKey } from '../domain/resources.ts'
import { ensureStatements } from '../isolation/mappers/database/statements.ts'
import { quantile } from './quantile.ts'
import type { Stack } from './stack.ts'

const runs = 30

/**
 * The floor: the statements that make a tenant's roles and schema, and its migration files, as one script by the
 * provisioner. p50 in milliseconds; nothing of Freehold is around it.
 */
export async function measureFloor({ environment, deps }: Stack): Promise<number> {
  const client = new pg.Client({ connectionString: environment['FREEHOLD_WAREHOUSE_URL'] })
  await client.connect()
  try {
    await client.query(`set createrole_self_grant = 'set, inherit'`)
    const versions = await deps.migrations.versions()
    const files = await deps.migrations.migrationsUpTo(versions.at(-1) ?? '')
    const times: number[] = []
    for (let run = 0; run < runs; run += 1) {
      const { names, statements } = await statementsOf(newCode())
      const script = [
        'begin',
        ...statements,
        `set local role ${quoteIdentifier(names.ownerRole)}`,
        `set local search_path to ${quoteIdentifier(names.schema)}`,
        ...files.map(({ sql }) => sql),
        'commit',
      ].join(';\n')
      const started = performance.now()
      await client.query(script)
      times.push(performance.now() - started)
    }
    return quantile(times, 0.5)
  } finally {
    await client.end()
  }
}

async function statementsOf(code: string) {
  const names = databaseNames(code, 'prod', 1)
  const spec = {
    key: resourceKey('prod', 'database', 1),
    kind: 'database' as const,
    environment: 'prod',
    placement: 1,
    cell: '',
    name: names.schema,
    after: [],
    properties: {
      ownDatabase: null,
      serverSecret: null,
      ...names,
      passwordSecret: databasePasswordSecret(code, 'prod', 1),
      connectionLimit: 5,
    },
  }
  const login = { login: true, verifier: await scramVerifier(newPassword()) }
  const statements = ensureStatements({ database: 'warehouse_shared' }, { spec, tenantId: code }, login)
  return { names, statements }
}
