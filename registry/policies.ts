import { isDeepStrictEqual } from 'node:util'
import { FreeholdError } from '../domain/errors.ts'
import { platformStream, type Actor } from '../domain/events.ts'
import type { Rule } from '../domain/policy.ts'
import type { PolicyRow } from './entities/policy.ts'
import { appendTo } from './events.ts'
import { one, type Sql } from './sql.ts'

/** A version of the policy; version 0 is that of a platform that never had rules. */
export type PolicyVersion = Pick<PolicyRow, 'version' | 'rules'> & {
  readonly actor: string | null
  readonly reason: string | null
  readonly createdAt: Date | null
}
const none: PolicyVersion = { version: 0, rules: [], actor: null, reason: null, createdAt: null }
const columns = 'version, rules, actor, reason, created_at as "createdAt"'

/** The version in force, or the one that is asked for. Throws `policy_version_unknown`. */
export async function readPolicy(sql: Sql, version?: number): Promise<PolicyVersion> {
  const [row] = await sql<PolicyVersion>({
    name: 'policy',
    text: `select ${columns} from policies where version = $1 or $1 is null order by version desc limit 1`,
    values: [version ?? null],
  })
  if (row !== undefined) return row
  if (version === undefined || version === 0) return none
  throw new FreeholdError('policy_version_unknown', `there is no version ${version} of the policy`)
}

/** Who changes the policy, from which version if that matters, and why. */
export type PolicyChange = {
  readonly rules: readonly Rule[]
  readonly ifVersion: readonly number[] | 'any' | undefined
  readonly actor: Actor
  readonly correlationId: string
  readonly reason: string | undefined
}

/**
 * Puts rules in force as a new version, with its event; nothing when they are in force already. Throws
 * `policy_version_mismatch` when another version is in force than the change asks for.
 */
export async function changePolicy(
  sql: Sql,
  { rules, ifVersion, actor, correlationId, reason }: PolicyChange,
): Promise<{ policy: PolicyVersion; changed: boolean }> {
  await sql({ text: `select pg_advisory_xact_lock(hashtext('freehold/policy'))` })
  const before = await readPolicy(sql)
  if (Array.isArray(ifVersion) && !ifVersion.includes(before.version))
    throw new FreeholdError(
      'policy_version_mismatch',
      `version ${before.version} of the policy is in force, which is none of If-Match; read it and apply the change to it`,
      { facts: { version: before.version } },
    )
  if (isDeepStrictEqual(before.rules, JSON.parse(JSON.stringify(rules)))) return { policy: before, changed: false }
  const policy = await one(
    sql<PolicyVersion>({
      text: `insert into policies (version, rules, actor, reason) values ($1, $2::jsonb, $3, $4) returning ${columns}`,
      values: [before.version + 1, JSON.stringify(rules), actor, reason ?? null],
    }),
  )
  const data = {
    before: before.version,
    after: policy.version,
    ...differences(before.rules, policy.rules),
    ...(reason === undefined ? {} : { reason }),
  }
  await appendTo(sql, platformStream, [{ type: 'TENANCY_POLICY_CHANGED', actor, correlationId, data }])
  return { policy, changed: true }
}

/** Names of the rules that differ. */
function differences(before: readonly Rule[], after: readonly Rule[]) {
  const old = new Map(before.map((rule) => [rule.name, rule]))
  const names = new Set(after.map(({ name }) => name))
  return {
    added: after.flatMap(({ name }) => (old.has(name) ? [] : [name])),
    removed: before.flatMap(({ name }) => (names.has(name) ? [] : [name])),
    changed: after.flatMap((rule) =>
      old.has(rule.name) && !isDeepStrictEqual(old.get(rule.name), rule) ? [rule.name] : [],
    ),
  }
}
