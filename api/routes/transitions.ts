import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { FreeholdError } from '../../domain/errors.ts'
import type { OperationKind } from '../../domain/operation.ts'
import { acceptOperation, requireTenantId, type Requester } from '../../operations/accept.ts'
import { abortOperation, lockCurrent, retryOperation } from '../../operations/retry-and-abort.ts'
import { kindOf, kinds } from '../../operations/kinds/index.ts'
import type { TenantFacts } from '../../operations/rows.ts'
import type { Sql } from '../../registry/sql.ts'
import { operationAnswer } from '../answers.ts'
import { parseBody, readText } from '../body.ts'
import { callOf, lockNamed, requireGeneration, runCommand, type Accepted, type Call } from '../command.ts'
import type { ApiDeps, ApiEnv } from '../deps.ts'
import { exampleCell, exampleConfirmation, exampleReason } from '../examples.ts'
import { cellBody, confirmedBody, operationSchema, reasonBody } from '../schemas.ts'
import type { OperationView } from '../views.ts'
import {
  changeProblems,
  documentedBody,
  guards,
  idOrSlug,
  json,
  newApp,
  security,
  tenantParams,
  transition,
} from './common.ts'

const reasoned = documentedBody(['application/json'], reasonBody, false, exampleReason)
const housed = documentedBody(['application/json'], cellBody, false, exampleCell)
const confirmed = documentedBody(['application/json'], confirmedBody, true, exampleConfirmation)

type Commanded = Call & Requester & { readonly confirm?: string | undefined; readonly cell?: string | undefined }
type Command = {
  readonly name: string
  readonly summary: string
  readonly needsConfirmation?: true | undefined
  readonly takesCell?: true | undefined
  readonly accept: (sql: Sql, call: Commanded, tenant: string) => Promise<Accepted<{ operation: OperationView }>>
}

/**
 * Commands that need a reason at most: every plain kind of the table of operations, and what can be done to an operation
 * that is there already.
 */
export function transitionRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = newApp()
  for (const { name, summary, needsConfirmation, takesCell, accept } of [...plainKinds(deps), ...ofOperations(deps)]) {
    const [schema, documented] = needsConfirmation
      ? ([confirmedBody, confirmed] as const)
      : takesCell
        ? ([cellBody, housed] as const)
        : ([reasonBody, reasoned] as const)
    app.openapi(
      createRoute({
        method: 'post',
        path: `/v1/tenants/{idOrSlug}/${name}`,
        tags: ['commands'],
        security,
        parameters: guards,
        ...transition(name, summary, { needsConfirmation, takesCell }),
        request: { params: tenantParams, body: documented },
        responses: {
          202: json(z.object({ operation: operationSchema }), 'Accepted; Location: the operation'),
          ...changeProblems(404, 410, 422),
        },
      }),
      async (c) => {
        const text = await readText(c)
        const given = parseBody(c, text, schema)
        const tenant = idOrSlug(c.req.param('idOrSlug') ?? '')
        const call = callOf(c, text)
        const { body, headers } = await runCommand(deps, call, (sql) => accept(sql, { ...call, ...given }, tenant))
        c.set('tenantId', body.operation.tenant.id)
        return c.json(body, 202, headers)
      },
    )
  }
  return app
}

function plainKinds(deps: ApiDeps): Command[] {
  return (Object.keys(kinds) as OperationKind[]).flatMap((kind) => {
    const { summary, needsConfirmation, takesCell, takePlaces } = kindOf(kind)
    if (summary === undefined) return []
    const accept: Command['accept'] = async (sql, call, named) => {
      const tenant = await lockNamed(sql, call, named)
      if (needsConfirmation) requireConfirmation(kind, tenant, call.confirm)
      const parameters = call.cell === undefined ? {} : { cell: requireCell(deps, tenant, call.cell) }
      const operation = await acceptOperation(sql, tenant, { kind, parameters }, call)
      await takePlaces?.(sql, deps.platform, { operation, tenant })
      return operationAnswer(deps, tenant, operation, 'start')
    }
    return [{ name: kind, summary, needsConfirmation, takesCell, accept }]
  })
}

/** Throws `invalid_request` for a cell that is none, or not of the tenant's region. */
function requireCell({ platform }: ApiDeps, { region }: Pick<TenantFacts, 'region'>, name: string): string {
  if (platform.cells.some((cell) => cell.name === name && cell.region === region)) return name
  throw new FreeholdError('invalid_request', `region "${region}" has no cell "${name}"`, {
    details: [{ path: 'body.cell', message: 'is not a cell of the region of the tenant' }],
  })
}

/** Throws `confirmation_mismatch` unless the slug was said of what cannot be undone. */
function requireConfirmation(
  kind: OperationKind,
  { slug }: Pick<TenantFacts, 'slug'>,
  confirm: string | undefined,
): void {
  if (confirm === slug) return
  throw new FreeholdError(
    'confirmation_mismatch',
    `${kind} cannot be undone: send "confirm" with the slug of the tenant, which is not ${confirm === undefined ? 'there' : `"${confirm.slice(0, 64)}"`}`,
    { details: [{ path: 'body.confirm', message: 'is not the slug of the tenant' }] },
  )
}

function ofOperations(deps: ApiDeps): Command[] {
  const current = async (sql: Sql, call: Call, named: string, prefer: 'interrupted' | 'exclusive') => {
    const held = await lockCurrent(sql, await requireTenantId(sql, named), prefer)
    requireGeneration(call, held.tenant)
    return held
  }
  return [
    {
      name: 'retry',
      summary: 'Roll the interrupted or failed operation forward again',
      async accept(sql, call, named) {
        const held = await current(sql, call, named, 'interrupted')
        return operationAnswer(deps, held.tenant, await retryOperation(sql, deps.platform, held, call), 'start')
      },
    },
    {
      name: 'abort',
      summary: 'Have the open operation undo what it made',
      async accept(sql, call, named) {
        const held = await current(sql, call, named, 'exclusive')
        const told = { running: 'cancel', scheduled: 'nothing' } as const
        const tell = held.operation.state in told ? told[held.operation.state as keyof typeof told] : 'start'
        return operationAnswer(deps, held.tenant, await abortOperation(sql, held, call), tell)
      },
    },
  ]
}
