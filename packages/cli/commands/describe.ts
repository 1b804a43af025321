import type { Command, Operation, Resource, Tenant } from '@freehold/sdk'
import { print, table, time } from '../output.ts'
import type { Session } from '../session.ts'

/** `describe`: all there is to say about one tenant: facts, conditions, environments, resources, newest operation. */
export async function describeTenant({ client, io, format }: Session, name: string): Promise<void> {
  const tenant = await client.getTenant(name)
  const [resources, operation] = await Promise.all([
    client.listTenantResources(tenant.id),
    tenant.operation === null ? null : client.getOperation(tenant.operation.id),
  ])
  print(io.stdout, format, { tenant, resources, operation }, () =>
    [
      facts(tenant),
      section(
        'Conditions',
        tenant.conditions.map(({ type, reason, message }) => [type, reason, message]),
      ),
      section(
        'Environments',
        tenant.environments.map((one) => [
          one.name,
          one.state,
          one.cell,
          `placement ${one.placement}`,
          `epoch ${one.epoch}`,
        ]),
      ),
      section(
        'Resources',
        resources.map((one) => [one.environment, one.kind, one.state, one.cell, `${one.name}${enforcedBy(one)}`]),
      ),
      ...(operation === null ? [] : [describeOperation(operation)]),
    ]
      .filter(Boolean)
      .join('\n\n'),
  )
}

/** A rule that the platform only writes down must not look like one it keeps. */
function enforcedBy({ facts: { enforcement } }: Resource): string {
  return typeof enforcement === 'string' ? ` (enforcement: ${enforcement})` : ''
}

/** Where a command of this program is not named as the API names it. */
const how: Partial<Record<Command, string>> = {
  provision: 'freehold retry',
  'rotate-credentials': 'freehold connect --rotate',
}

function withHow(command: Command): string {
  const here = how[command]
  return here === undefined ? command : `${command} (${here})`
}

function facts(tenant: Tenant): string {
  return table(
    [],
    [
      ['Tenant', `${tenant.slug} (${tenant.name})`],
      ['Id', tenant.id],
      ['State', tenant.state],
      ['Profile', `${tenant.profile}, plan ${tenant.plan}, region ${tenant.region}`],
      [
        'Labels',
        Object.entries(tenant.labels)
          .map(([key, value]) => `${key}=${value}`)
          .join(', '),
      ],
      ['Generation', `${tenant.generation} (in force: ${tenant.observedGeneration})`],
      ['Created', time(tenant.createdAt)],
      ['Changed', time(tenant.updatedAt)],
      ...(tenant.purgeAfter === null ? [] : [['Purged after', time(tenant.purgeAfter)]]),
      ['Allowed now', tenant.allowed.map(withHow).join(', ')],
    ],
  )
}

function describeOperation(operation: Operation): string {
  const { id, kind, state, error, steps, links } = operation
  const possible = possibleNow(operation)
  const head = [
    ['Id', id],
    ['State', state],
    ...(error === null ? [] : [['Error', `${error.message} (${error.code})`]]),
    ...(error?.unresolved ?? []).map((what) => ['Unresolved', what]),
    ...(possible.length === 0 ? [] : [['Allowed now', possible.join(', ')]]),
    ...(links.workflow === undefined ? [] : [['Workflow', links.workflow]]),
  ]
  return `${section(`Operation ${kind}`, head)}\n${section(
    'Steps',
    steps.map((step) => [step.state, step.title]),
  )}`
}

function possibleNow({ state, abortable }: Operation): string[] {
  const open = state === 'accepted' || state === 'running' || state === 'interrupted'
  return [...(state === 'interrupted' ? ['retry'] : []), ...(open && abortable ? ['abort'] : [])]
}

function section(title: string, rows: readonly (readonly (string | number)[])[]): string {
  return rows.length === 0 ? '' : `${title}\n${table([], rows).replace(/^/gm, '  ')}`
}
