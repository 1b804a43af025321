import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { isOpen } from '../../domain/operation.ts'
import type { JsonObject } from '../../domain/json.ts'
import type { RelocationOptions } from '../../domain/relocation.ts'
import { FreeholdError } from '../../domain/errors.ts'
import { acceptOperation } from '../../operations/accept.ts'
import { requireTenantId } from '../../operations/accept.ts'
import { endingParameters, tellApproval } from '../../operations/relocation-end.ts'
import { departure } from '../../operations/relocation-places.ts'
import { abortOperation } from '../../operations/retry-and-abort.ts'
import { kindOf } from '../../operations/kinds/index.ts'
import { lockOperation } from '../../operations/rows.ts'
import type { RelocationRow } from '../../registry/entities/relocation.ts'
import { sqlOf } from '../../registry/pool.ts'
import { approveRelocation, findRelocation, listRelocations } from '../../registry/relocations.ts'
import { profiles } from '../../isolation/strategies/by-profile.ts'
import { operationAnswer } from '../answers.ts'
import { parseBody, readText } from '../body.ts'
import { callOf, lockNamed, runCommand } from '../command.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import { exampleReason, exampleRelocation } from '../examples.ts'
import { relocationAnswer, relocationBody, relocationSchema } from '../relocation-schemas.ts'
import { reasonBody } from '../schemas.ts'
import {
  changeProblems,
  documentedBody,
  guards,
  idOrSlug,
  json,
  newApp,
  readProblems,
  security,
  tenantParams,
} from './common.ts'

const named = tenantParams.extend({ relocation: z.string().openapi({ param: { name: 'relocation', in: 'path' } }) })
const path = '/v1/tenants/{idOrSlug}/relocations'

const endings = [
  { name: 'rollback', summary: 'Take the tenant back to where it was, with every write made since' },
  { name: 'complete', summary: 'End a move for good: the old placement goes, and there is no way back any more' },
] as const

/** Moves of a tenant: begun, looked at, aborted, rolled back and completed. */
export function relocationRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = newApp()

  app.openapi(
    createRoute({
      method: 'post',
      path,
      operationId: 'relocateTenant',
      tags: ['relocations'],
      security,
      parameters: guards,
      summary: 'Move one environment to another placement while it is written to',
      request: {
        params: tenantParams,
        body: documentedBody(['application/json'], relocationBody, true, exampleRelocation),
      },
      responses: { 202: json(relocationAnswer, 'Accepted; Location: the operation'), ...changeProblems(404, 410, 422) },
    }),
    async (c) => {
      const text = await readText(c)
      const { environment, target, reason, ...limits } = parseBody(c, text, relocationBody)
      if (!profiles.includes(target.profile))
        throw new FreeholdError(
          'profile_not_configured',
          `there is no profile "${target.profile}"; there are ${profiles.join(', ')}`,
        )
      // As JSON has it, without what was not said.
      const options = JSON.parse(JSON.stringify({ ...target, ...limits })) as RelocationOptions & JsonObject
      const tenantNamed = idOrSlug(c.req.valid('param').idOrSlug)
      const call = callOf(c, text)
      const { body, headers } = await runCommand(deps, call, async (sql) => {
        const tenant = await lockNamed(sql, call, tenantNamed)
        await departure(sql, deps.platform, tenant, { environment, options })
        const wanted = { kind: 'relocate' as const, parameters: { environment, options } }
        const operation = await acceptOperation(sql, tenant, wanted, { ...call, reason })
        await kindOf('relocate').takePlaces?.(sql, deps.platform, { operation, tenant })
        const accepted = operationAnswer(deps, tenant, operation, 'start')
        const relocation = relocationView(await findRelocation(sql, tenant.id, operation.id))
        return { ...accepted, body: { ...accepted.body, relocation } }
      })
      c.set('tenantId', body.operation.tenant.id)
      return c.json(body, 202, headers)
    },
  )

  for (const { name, summary } of endings)
    app.openapi(
      createRoute({
        method: 'post',
        path: `${path}/{relocation}/${name}`,
        operationId: `${name}Relocation`,
        tags: ['relocations'],
        security,
        parameters: guards,
        summary,
        request: { params: named, body: documentedBody(['application/json'], reasonBody, false, exampleReason) },
        responses: { 202: json(relocationAnswer, 'Accepted; Location: the operation'), ...changeProblems(404, 410) },
      }),
      async (c) => {
        const text = await readText(c)
        const { reason } = parseBody(c, text, reasonBody)
        const { idOrSlug: tenantGiven, relocation: id } = c.req.valid('param')
        const call = callOf(c, text)
        const { body, headers } = await runCommand(deps, call, async (sql) => {
          const tenant = await lockNamed(sql, call, idOrSlug(tenantGiven))
          const relocation = await findRelocation(sql, tenant.id, id)
          requireSoak(relocation, name)
          const wanted = { kind: name, parameters: endingParameters(relocation) }
          const accepted = operationAnswer(
            deps,
            tenant,
            await acceptOperation(sql, tenant, wanted, { ...call, reason }),
            'start',
          )
          return { ...accepted, body: { ...accepted.body, relocation: relocationView(relocation) } }
        })
        c.set('tenantId', body.operation.tenant.id)
        return c.json(body, 202, headers)
      },
    )

  app.openapi(
    createRoute({
      method: 'post',
      path: `${path}/{relocation}/approve`,
      operationId: 'approveRelocation',
      tags: ['relocations'],
      security,
      parameters: guards,
      summary: 'Give the word for the cut of a move that waits for it',
      request: { params: named, body: documentedBody(['application/json'], reasonBody, false, exampleReason) },
      responses: { 202: json(relocationAnswer, 'Accepted; Location: the operation'), ...changeProblems(404, 410) },
    }),
    async (c) => {
      const text = await readText(c)
      const { reason } = parseBody(c, text, reasonBody)
      const { idOrSlug: tenantGiven, relocation: id } = c.req.valid('param')
      const call = callOf(c, text)
      const { body, headers } = await runCommand(deps, call, async (sql) => {
        const tenant = await lockNamed(sql, call, idOrSlug(tenantGiven))
        const relocation = await findRelocation(sql, tenant.id, id)
        if (!(await approveRelocation(sql, id, call.actor)))
          throw notPossible(relocation, 'approve', 'a move under way that was asked to wait for approval')
        const { operation } = await lockOperation(sql, id)
        await tellApproval(sql, operation, { ...call, reason })
        const accepted = operationAnswer(deps, tenant, operation, 'nothing')
        const approved = relocationView(await findRelocation(sql, tenant.id, id))
        return { ...accepted, body: { ...accepted.body, relocation: approved } }
      })
      c.set('tenantId', body.operation.tenant.id)
      return c.json(body, 202, headers)
    },
  )

  app.openapi(
    createRoute({
      method: 'post',
      path: `${path}/{relocation}/abort`,
      operationId: 'abortRelocation',
      tags: ['relocations'],
      security,
      parameters: guards,
      summary: 'Give a move up that is under way: the tenant is where it was, with every write made since',
      request: { params: named, body: documentedBody(['application/json'], reasonBody, false, exampleReason) },
      responses: { 202: json(relocationAnswer, 'Accepted; Location: the operation'), ...changeProblems(404, 410) },
    }),
    async (c) => {
      const text = await readText(c)
      const { reason } = parseBody(c, text, reasonBody)
      const { idOrSlug: tenantGiven, relocation: id } = c.req.valid('param')
      const call = callOf(c, text)
      const { body, headers } = await runCommand(deps, call, async (sql) => {
        const tenant = await lockNamed(sql, call, idOrSlug(tenantGiven))
        const relocation = await findRelocation(sql, tenant.id, id)
        const held = await lockOperation(sql, id)
        if (!isOpen(held.operation.state)) throw notPossible(relocation, 'abort', 'a move that is under way')
        const tell = held.operation.state === 'running' ? 'cancel' : 'start'
        const aborted = await abortOperation(sql, held, { ...call, reason })
        const accepted = operationAnswer(deps, tenant, aborted, tell)
        return { ...accepted, body: { ...accepted.body, relocation: relocationView(relocation) } }
      })
      c.set('tenantId', body.operation.tenant.id)
      return c.json(body, 202, headers)
    },
  )

  app.openapi(
    createRoute({
      method: 'get',
      path,
      operationId: 'listRelocations',
      tags: ['relocations'],
      security,
      summary: 'The moves of a tenant, newest first',
      request: { params: tenantParams },
      responses: {
        200: json(z.object({ items: z.array(relocationSchema) }), 'The newest hundred'),
        ...readProblems(404),
      },
    }),
    async (c) => {
      const tenant = await requireTenantId(sqlOf(deps.orm.pool), idOrSlug(c.req.valid('param').idOrSlug))
      c.set('tenantId', tenant)
      return c.json({ items: (await listRelocations(sqlOf(deps.orm.pool), tenant)).map(relocationView) }, 200)
    },
  )

  app.openapi(
    createRoute({
      method: 'get',
      path: `${path}/{relocation}`,
      operationId: 'getRelocation',
      tags: ['relocations'],
      security,
      summary: 'A move: phase, progress, what the cut took, what was proven',
      request: { params: named },
      responses: { 200: json(z.object({ relocation: relocationSchema }), 'The move'), ...readProblems(404) },
    }),
    async (c) => {
      const { idOrSlug: given, relocation } = c.req.valid('param')
      const tenant = await requireTenantId(sqlOf(deps.orm.pool), idOrSlug(given))
      c.set('tenantId', tenant)
      return c.json({ relocation: relocationView(await findRelocation(sqlOf(deps.orm.pool), tenant, relocation)) }, 200)
    },
  )
  return app
}

function requireSoak(relocation: RelocationRow, command: string): void {
  if (relocation.state !== 'soaking') throw notPossible(relocation, command, 'a move that was cut and proven')
}

function notPossible({ id, state }: RelocationRow, command: string, what: string): FreeholdError {
  return new FreeholdError(
    'relocation_not_possible',
    `relocation ${id} is ${state}; ${command} is possible for ${what}`,
    { facts: { relocation: id, state } },
  )
}

type View = z.infer<typeof relocationSchema>

/** A move as it is shown. */
function relocationView(row: RelocationRow): View {
  const { facts, options, state } = row
  const rows = (facts.proof?.tables ?? []).reduce((sum, table) => sum + BigInt(table.rows), 0n)
  const cutOf = (cut: typeof facts.cut) => {
    const { snapshots: _snapshots, structure: _structure, ...told } = cut ?? { serving: 'source' as const, epoch: 0 }
    return cut === undefined ? null : told
  }
  return {
    id: row.id,
    environment: row.environment,
    source: row.source,
    target: row.target,
    profile: options.profile,
    state,
    phase: row.phase,
    progress: row.progress,
    cut: cutOf(facts.cut),
    rollback: cutOf(facts.back),
    verified:
      facts.proof === undefined
        ? null
        : { tables: facts.proof.tables.length, rows: String(rows), taken: facts.proof.taken },
    soakUntil: row.soakUntil?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    allowed:
      state === 'moving'
        ? [...(options.approval === true && facts.approved === undefined ? (['approve'] as const) : []), 'abort']
        : state === 'soaking'
          ? ['rollback', 'complete']
          : [],
  }
}
