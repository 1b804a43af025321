import type { FreeholdError } from '../domain/errors.ts'
import type { JsonObject } from '../domain/json.ts'
import type { OperationRow } from '../registry/entities/operation.ts'
import { eventsJson } from '../registry/events.ts'
import type { Sql } from '../registry/sql.ts'
import { operationEvent } from './operation-event.ts'

/** What an event says of a denial: each rule that is broken, where, and how to satisfy it. */
export function denialData({ code, message, details, facts }: FreeholdError): JsonObject {
  const { command, policyVersion } = facts as { command?: string; policyVersion?: number }
  return {
    code,
    message,
    path: details[0]?.path ?? null,
    command: command ?? null,
    policyVersion: policyVersion ?? null,
    reasons: details.map((detail) => ({
      rule: detail.rule ?? null,
      path: detail.path ?? null,
      message: detail.message,
      remedy: detail.remedy ?? null,
    })),
  }
}

/** Tells of a scheduled operation that the policy denies it, unless that was told already. */
export async function noteDenial(sql: Sql, operation: OperationRow, denial: FreeholdError): Promise<void> {
  const { code, message } = denial
  if (operation.error?.message === message) return
  await sql({
    text: `with told as (
        update operations set error = $2::jsonb, revision = revision + 1, updated_at = now() where id = $1
      )
      select append_events($3::uuid::text, $4::jsonb)`,
    values: [
      operation.id,
      JSON.stringify({ code, message }),
      operation.tenant,
      eventsJson([operationEvent(operation, 'system:worker', 'TENANCY_DENIED', denialData(denial))]),
    ],
  })
}
