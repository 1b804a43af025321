import type { RelocationPlan } from '@freehold/sdk'
import { CliError, exitCodes } from '../failures.ts'
import { size, span } from '../move-progress.ts'
import { listTable, print, table } from '../output.ts'
import type { Session } from '../session.ts'

type Options = { to: string; cell?: string; environment?: string; throttle?: number }

/**
 * `relocate plan`: what a move would have to do, and what stands in its way; nothing is changed. Throws CliError with exit code 3,
 * after the plan, when the tenant cannot be moved as it is.
 */
export async function planRelocation(session: Session, tenant: string, { to, ...wanted }: Options): Promise<void> {
  const { client, io, format } = session
  const plan = await client.planRelocation(tenant, { profile: to, ...wanted })
  print(io.stdout, format, plan, () => forPeople(session, plan))
  if (plan.movable) return
  const inTheWay = plan.blockers.filter(({ isWarning }) => isWarning !== true)
  throw new CliError(exitCodes.refused, `${tenant} cannot be moved as it is`, {
    code: 'move_unsupported',
    details: inTheWay.map(({ object, message, remedy }) => ({ path: object, message: `${message}; ${remedy}` })),
    next: 'change what is named, as each line says, then ask for the plan again',
  })
}

function forPeople({ io }: Session, plan: RelocationPlan): string {
  const { environment, target, tables, sequences, bytes, bytesPerSecond, estimatedSeconds, blockers } = plan
  const warnings = blockers.filter(({ isWarning }) => isWarning === true)
  const rows = [...tables].toSorted((one, other) => other.bytes - one.bytes)
  return [
    table(
      [],
      [
        ['environment', environment],
        ['to', target.profile],
        ['to copy', `${size(bytes)} in ${tables.length} tables, with ${sequences} sequences`],
        ['takes about', `${span(estimatedSeconds)}, at ${size(bytesPerSecond)}/s; the tenant writes meanwhile`],
      ],
    ),
    ...(rows.length === 0
      ? []
      : [
          listTable(
            io.stdout,
            ['table', 'size', 'rows, about'],
            rows.map((one) => [one.name, size(one.bytes), one.rows.toLocaleString('en')]),
          ),
        ]),
    ...warnings.map(({ object, message, remedy }) => `it may take longer: ${object}: ${message}; ${remedy}`),
  ].join('\n\n')
}
