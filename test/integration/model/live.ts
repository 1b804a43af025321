import { isDeepStrictEqual } from 'node:util'
import { manifest, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'
import { expectTrail, expectWorld, keepSomething, shownBy, shownOf, type Incarnation } from './agreement.ts'
import type { Life, Profile } from './generate.ts'
import { courses, nobody, type Command, type Model, type Wish } from './tenant-model.ts'

/**
 * Leads one tenant through a life, and compares after each round: the answers with those of some order in which the commands may
 * have been taken, and then everything that there is with where that order ends.
 */
export async function live(world: World, slug: string, { profile, first, rounds }: Life): Promise<void> {
  const ended: Incarnation[] = []
  let current: Incarnation | undefined
  let models: Model[] = [nobody]
  for (const commands of [[{ name: 'apply', wish: first } as const], ...rounds]) {
    const told = await Promise.all(commands.map((command) => give(world, slug, profile, command)))
    for (const { operation } of told) if (operation !== undefined) await world.until(operation, 'succeeded')
    const answers = told.map(({ answer }) => answer)
    const possible = models.flatMap((model) => courses(model, commands))
    const fitting = possible.filter((course) => course.answers.join() === answers.join())
    const seen = { commands, before: models.map(shownOf), answers, possible }
    if (fitting.length === 0) throw disagreement('no order of the commands gives these answers', seen)
    for (const { tenant, operation } of told) {
      if (operation === undefined || tenant === undefined) continue
      if (current?.tenant.id !== tenant.id) {
        if (current !== undefined) ended.push(current)
        current = { tenant, profile, operations: [] }
        await keepSomething(world, current)
      }
      current.operations.push(operation)
    }
    if (current === undefined) throw new Error('the first manifest was not accepted')
    const shown = await shownBy(world, current)
    models = fitting.map(({ model }) => model).filter((model) => isDeepStrictEqual(shownOf(model), shown))
    if (models.length === 0) throw disagreement('the tenant is not what any order leads to', { ...seen, shown })
    const [model] = models as [Model]
    await expectWorld(world, current, model)
    await expectTrail(world, current, model)
  }
  for (const incarnation of ended) await expectWorld(world, incarnation, nobody)
}

const disagreement = (what: string, seen: object) => new Error(`${what}: ${JSON.stringify(seen, undefined, 1)}`)

type Told = { readonly answer: string; readonly operation?: string; readonly tenant?: SeenTenant }

/** Gives a command, and tells what it was answered and what it began. */
async function give(world: World, slug: string, profile: Profile, command: Command): Promise<Told> {
  const { status, body } = await asked(world, slug, profile, command)
  const code = typeof body['code'] === 'string' ? ` ${body['code']}` : ''
  const operation = body['operation'] as (SeenOperation & { tenant: { id: string } }) | null | undefined
  if (operation === null || operation === undefined) return { answer: `${status}${code}` }
  const { body: tenant } = await world.request('GET', `/v1/tenants/${operation.tenant.id}`)
  return { answer: `${status}${code}`, operation: operation.id, tenant: tenant as unknown as SeenTenant }
}

function asked(world: World, slug: string, profile: Profile, command: Command) {
  const path = `/v1/tenants/${slug}`
  const reason = 'the model says so'
  switch (command.name) {
    case 'apply':
      return world.request('PUT', path, manifest(slug, specOf(profile, command.wish)))
    case 'hold':
    case 'lift':
      return world.request(command.name === 'hold' ? 'PUT' : 'DELETE', `${path}/legal-hold`, { reason })
    case 'rotate-credentials':
      return world.request('POST', `${path}/credentials`, { rotate: true, reason })
    case 'purge':
      return world.request('POST', `${path}/purge`, { confirm: command.isConfirmed ? slug : 'another', reason })
    default:
      return world.request('POST', `${path}/${command.name}`, { reason })
  }
}

function specOf(profile: Profile, { plan, staging, isProtected }: Wish): object {
  const environments = staging ? [{ name: 'prod' }, { name: 'staging' }] : [{ name: 'prod' }]
  return { profile, plan, environments, policies: { deleteProtection: isProtected } }
}
