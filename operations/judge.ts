import type { Command } from '../domain/lifecycle.ts'
import type { ResolvedManifest } from '../domain/manifest-resolve.ts'
import { brokenRules, denied } from '../domain/policy-evaluate.ts'
import { readPolicy } from '../registry/policies.ts'
import { one, type Sql } from '../registry/sql.ts'
import type { TenantFacts } from './rows.ts'

/** What is judged: a command, by the manifest it is about. `tenantId` where there is a tenant already. */
export type Judged = {
  readonly command: Command
  readonly manifest: ResolvedManifest
  readonly tenantId?: string
}

/** Every rule in force that a command breaks, and the version that says so; for who only wants to know. */
export async function violationsNow(sql: Sql, { command, manifest }: Omit<Judged, 'tenantId'>) {
  const { version, rules } = await readPolicy(sql)
  return { version, violations: brokenRules(rules, { command, manifest }) }
}

/**
 * Judges a command by the policy in force, in the transaction that accepts it.
 * @returns the version that judged it
 * @throws `policy_denied` with every rule that is broken
 */
export async function judge(sql: Sql, { command, manifest, tenantId }: Judged): Promise<number> {
  const { version, violations } = await violationsNow(sql, { command, manifest })
  if (violations.length === 0) return version
  throw denied(violations, { command, policyVersion: version, ...(tenantId === undefined ? {} : { tenantId }) })
}

/** As `judge`, for a tenant that is there: by the manifest of the generation that the command is about. */
export async function judgeTenant(
  sql: Sql,
  command: Command,
  { id, generation }: Pick<TenantFacts, 'id' | 'generation'>,
): Promise<number> {
  const { resolved } = await one(
    sql<{ resolved: ResolvedManifest }>({
      name: 'manifest',
      text: 'select resolved from generations where tenant_id = $1 and number = $2',
      values: [id, generation],
    }),
  )
  return judge(sql, { command, manifest: resolved, tenantId: id })
}
