import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { FreeholdError } from '../../domain/errors.ts'
import type { JsonObject } from '../../domain/json.ts'
import type { RelocationOptions } from '../../domain/relocation.ts'
import { profiles } from '../../isolation/strategies/by-profile.ts'
import { acceptOperation, requireTenantId } from '../../operations/accept.ts'
import { kindOf } from '../../operations/kinds/index.ts'
import { departure } from '../../operations/relocation-places.ts'
import { readTenant } from '../../operations/rows.ts'
import { sqlOf, transaction } from '../../registry/pool.ts'
import { findRelocation, listRelocations } from '../../registry/relocations.ts'
import { operationAnswer } from '../answers.ts'
import { parseBody, readText } from '../body.ts'
import { callOf, lockNamed, runCommand } from '../command.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import { examplePlan, exampleRelocation } from '../examples.ts'
import { planBody, planSchema, relocationAnswer, relocationBody, relocationSchema } from '../relocation-schemas.ts'
import { relocationView } from '../relocation-view.ts'
import {
  changeProblems,
  documentedBody,
  guards,
  idOrSlug,
  json,
  newApp,
  readProblems,
  relocationParams,
  relocationsPath,
  security,
  tenantParams,
} from './common.ts'

/** Moves of a tenant: planned, begun and looked at. */
export function relocationRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = newApp()

  app.openapi(
    createRoute({
      method: 'post',
      path: relocationsPath,
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
      requireProfile(target.profile)
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

  app.openapi(
    createRoute({
      method: 'post',
      path: `${relocationsPath}:plan`,
      operationId: 'planRelocation',
      tags: ['relocations'],
      security,
      summary: 'What a move would have to do, how long it may take, and what stands in its way; a worker looks now',
      request: { params: tenantParams, body: documentedBody(['application/json'], planBody, true, examplePlan) },
      responses: { 200: json(planSchema, 'The plan; nothing was changed'), ...changeProblems(404, 410, 422) },
    }),
    async (c) => {
      const { environment, target, throttle } = parseBody(c, await readText(c), planBody)
      const { id } = await transaction(deps.orm.pool, async (sql) => {
        const tenant = await readTenant(sql, await requireTenantId(sql, idOrSlug(c.req.valid('param').idOrSlug)))
        await departure(sql, deps.platform, tenant, { environment, options: destined(target) })
        return tenant
      })
      c.set('tenantId', id)
      const { blockers, ...plan } = await deps.starter.planMove(id, environment)
      const bytesPerSecond = Math.min(throttle ?? usualRate, usualRate)
      const estimatedSeconds = Math.ceil(plan.bytes / bytesPerSecond) + 2
      const movable = blockers.every(({ isWarning }) => isWarning === true)
      const tables = [...plan.tables]
      const answer = {
        environment,
        target,
        ...plan,
        tables,
        bytesPerSecond,
        estimatedSeconds,
        movable,
        blockers: [...blockers],
      }
      return c.json(answer, 200)
    },
  )

  app.openapi(
    createRoute({
      method: 'get',
      path: relocationsPath,
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
      path: `${relocationsPath}/{relocation}`,
      operationId: 'getRelocation',
      tags: ['relocations'],
      security,
      summary: 'A move: phase, progress, what the cut took, what was proven',
      request: { params: relocationParams },
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

/** Bytes a second that a copy with its indexes makes on modest hardware. */
const usualRate = 30 * 1024 * 1024

/** Where a plan would go. Throws `profile_not_configured`. */
function destined(target: { profile: string; cell?: string | undefined }): RelocationOptions {
  requireProfile(target.profile)
  return { ...target, pauseBudgetMs: 0, soakSeconds: 0 }
}

function requireProfile(profile: string): void {
  if (!profiles.includes(profile))
    throw new FreeholdError(
      'profile_not_configured',
      `there is no profile "${profile}"; there are ${profiles.join(', ')}`,
    )
}
