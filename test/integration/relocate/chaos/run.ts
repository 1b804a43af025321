import { setTimeout as sleep } from 'node:timers/promises'
import { createTenantDatabase } from '../../../../packages/sdk/database/databases.ts'
import { nothingLeft, reported, serving, written } from './invariants.ts'
import { firstRows, startWriters } from './ledger.ts'
import { asking, sidesOf, traces, type Of } from './look.ts'
import { operatorOf, type Operator } from './operator.ts'
import { told, type Plan } from './plan.ts'
import type { Stage } from './stage.ts'
import { arm } from './strike.ts'

/** How a run went: what was hit, where the tenant came to be, and what was not as it has to be. */
export type Result = { readonly sprung: boolean; readonly course: string; readonly broken: readonly string[] }

/** Leads one tenant through a move with one fault, and looks at everything once it has settled. */
export async function run(stage: Stage, plan: Plan, writers: number): Promise<Result> {
  const { world } = stage
  const slug = `chaos-${plan.seed}-${Date.now() % 100_000}`
  const born = await world.apply(slug)
  await world.until(born.operation.id, 'succeeded')
  const of: Of = { id: born.tenant.id, code: born.tenant.code, slug }
  const schema = `t_${of.code}_prod`
  await asking(stage, stage.warehouse, (client) => client.query(`set search_path = ${schema}; ${firstRows}`))
  const database = createTenantDatabase({ api: stage.api, tenant: slug, connectionsPerTenant: writers })
  const ledger = startWriters(database, writers)
  const operator = operatorOf(stage, slug)
  const course: string[] = []
  const broken: string[] = []
  let sprung = false
  try {
    const struck = await moved(stage, plan, { of, operator, course, broken })
    sprung = struck
  } catch (error) {
    broken.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
  await ledger.stop(broken.length === 0 ? 45_000 : 1_000)
  await database.close()
  const { side, broken: closed } = await serving(stage, of)
  broken.push(...closed)
  if (side !== undefined)
    broken.push(...(await written(stage, of, side, ledger)), ...(await nothingLeft(stage, of, side)))
  if (broken.length > 0)
    broken.push(JSON.stringify({ sides: await sidesOf(stage, of), traces: await traces(stage, of) }))
  const sum = [...ledger.acknowledged.values()].reduce((all, count) => all + count, 0)
  return { sprung, course: `${told(plan)}: ${course.join(', ')}; ${sum} operations`, broken }
}

type Life = { of: Of; operator: Operator; course: string[]; broken: string[] }

/** The move, and what is commanded after it; tells whether the fault happened. */
async function moved(stage: Stage, plan: Plan, { of, operator, course, broken }: Life): Promise<boolean> {
  const role = (number: number, kind: string) => `t_${of.code}_prod_${number}_${kind}`
  const armed = () => arm(stage, plan, { schema: `t_${of.code}_prod`, owner: role(1, 'owner'), app: role(1, 'app') })
  const isInMove = plan.phase === 'move' || plan.phase === 'abort'
  await sleep(200)
  let strike = isInMove ? armed() : undefined
  const first = await operator.relocate()
  const others = [
    suspended(plan, operator, first.id),
    ...(plan.phase === 'abort' ? [aborted(plan, operator, first.id)] : []),
  ]
  const end = await operator.settled(first.id)
  await strike?.over()
  await Promise.all(others)
  const { state } = await operator.relocation(first.id)
  course.push(end.state === 'succeeded' ? state : `${end.state} (${end.error?.code})`)
  const { side, broken: open } = await serving(stage, of)
  broken.push(...open)
  if (state !== 'soaking') return strike?.isSprung() ?? false
  if (side !== undefined) broken.push(...(await reported(stage, of, side, first.id)))
  await sleep(200)
  if (!isInMove) strike = armed()
  const ending = plan.ending === 'complete' ? 'complete' : 'rollback'
  const ended = await operator.command(`relocations/${first.id}/${ending}`)
  course.push(`${ending} ${(await operator.settled(ended.id)).state}`)
  await strike?.over()
  if (plan.ending === 'again') {
    const second = await operator.relocate({ soakSeconds: 3_600 })
    const { state: again } = await operator.settled(second.id)
    course.push(`again ${again}`)
    if (again === 'succeeded') {
      const last = await operator.command(`relocations/${second.id}/complete`)
      course.push(`complete ${(await operator.settled(last.id)).state}`)
    }
  }
  return strike?.isSprung() ?? false
}

async function aborted({ abortAt }: Plan, operator: Operator, id: string): Promise<void> {
  await sleep(abortAt)
  await operator.attempt(`relocations/${id}/abort`)
}

/** A suspend goes beside a move; its end waits for the move. */
async function suspended({ suspendAt }: Plan, operator: Operator, move: string): Promise<void> {
  if (suspendAt === undefined) return
  await sleep(suspendAt)
  const suspend = await operator.attempt('suspend')
  if (suspend === undefined) return
  await operator.settled(suspend.id)
  await operator.settled(move)
  await operator.settled((await operator.command('resume')).id)
}
