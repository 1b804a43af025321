import { expect } from 'vitest'
import type { OperationKind } from '../../domain/operation.ts'
import { sqlOf } from '../../registry/pool.ts'
import { closed, doors, open } from './doors.ts'
import { joined, nothing, remainsOf, whole, wholeOf, type Remains } from './remains.ts'
import { manifest, type SeenOperation, type SeenTenant, type World } from './world.ts'

/** What is to be seen of a tenant: in the registry, in the world, and of its doors where all of them are there. */
type Sight = { state: string; conditions?: string[]; remains: (tenant: SeenTenant) => Remains; doors?: object }

/** One way through a transition, for tests that disturb it. */
export type Passage = {
  readonly kind: OperationKind
  readonly name: string
  /** The manifest its tenant is made by, and the commands that bring it to where the transition starts. */
  readonly spec?: object
  readonly before: readonly OperationKind[]
  /** The manifest that it is changed to. */
  readonly changed?: object
  /** Verb and step in whose middle it is disturbed. */
  readonly middle: string
  /** What there is when it has ended well. */
  readonly done: Sight
  /** When it has ended well after it was undone, where that is not the same: a placement has left its number behind. */
  readonly doneAgain?: Sight
  /** What there is when it was undone; of what only goes forward, nothing. */
  readonly undone?: Sight
}

const environments = (...names: string[]) => ({ environments: names.map((name) => ({ name })) })
const isOpen: Sight = { state: 'active', remains: whole, doors: open }
const isClosed = (state: string): Sight => ({
  state,
  remains: (tenant) => whole(tenant, 'prod', 'suspended'),
  doors: { ...closed, tenant: state },
})

/** Whatever else there is: archives are the last thing that an archived tenant has. */
const isArchived: Sight = {
  state: 'archived',
  remains: () => ({ ...nothing, files: expect.any(Array) as string[], ledger: ['prod/1/archive present'] }),
}
/** Back from its archive, which stays, in a placement of this number. */
const isRestored = (number: number): Sight => ({
  state: 'active',
  remains(tenant) {
    const found = whole(tenant, 'prod', 'active', number)
    return { ...found, ledger: ['prod/1/archive present', ...found.ledger].toSorted() }
  },
})

/** Moves have a world of their own to be disturbed in: two placements, and writers. */
type Plain = Exclude<OperationKind, 'relocate' | 'rollback' | 'complete'>

/** Every transition; the compiler asks for that of a new kind. */
const byKind = {
  provision: [
    {
      name: 'provision',
      before: [],
      middle: 'migrate prod/1/database/schema',
      done: isOpen,
      undone: { state: 'failed', remains: () => nothing },
    },
  ],
  'rotate-credentials': [{ name: 'rotation', before: ['provision'], middle: 'rotate prod/topic', done: isOpen }],
  update: [
    {
      name: 'update that adds',
      before: ['provision'],
      changed: environments('prod', 'new'),
      middle: 'ensure new/topic',
      done: { state: 'active', remains: (tenant) => wholeOf(tenant, ['new', 'prod']) },
      doneAgain: { state: 'active', remains: (tenant) => joined([whole(tenant, 'new', 'active', 2), whole(tenant)]) },
      undone: { ...isOpen, conditions: ['UpdateFailed'], doors: { ...open, placements: ['active', 'released'] } },
    },
    {
      name: 'update that removes',
      spec: environments('prod', 'old'),
      before: ['provision'],
      changed: environments('prod'),
      middle: 'remove old/topic',
      done: { ...isOpen, doors: { ...open, placements: ['active', 'released'] } },
    },
  ],
  suspend: [
    { name: 'suspend', before: ['provision'], middle: 'freeze prod/topic/freeze', done: isClosed('suspended') },
  ],
  resume: [
    {
      name: 'resume',
      before: ['provision', 'suspend'],
      middle: 'thaw prod/topic/thaw',
      done: isOpen,
      undone: isClosed('suspended'),
    },
  ],
  archive: [
    {
      name: 'archive',
      before: ['provision'],
      middle: 'export prod/1/database/export',
      done: isArchived,
      undone: isOpen,
    },
  ],
  restore: [
    {
      name: 'restore',
      before: ['provision', 'archive'],
      middle: 'import prod/2/database/import',
      done: isRestored(2),
      doneAgain: isRestored(3),
      undone: isArchived,
    },
  ],
  delete: [
    { name: 'delete', before: ['provision'], middle: 'freeze prod/topic/freeze', done: isClosed('soft-deleted') },
  ],
  undelete: [
    {
      name: 'undelete',
      before: ['provision', 'delete'],
      middle: 'thaw prod/topic/thaw',
      done: isOpen,
      undone: isClosed('soft-deleted'),
    },
  ],
  purge: [
    {
      name: 'purge',
      before: ['provision', 'delete'],
      middle: 'remove prod/topic',
      done: { state: 'purged', remains: () => nothing },
    },
  ],
} as const satisfies Record<Plain, readonly Omit<Passage, 'kind'>[]>

export const passages: readonly Passage[] = Object.entries(byKind).flatMap(([kind, some]) =>
  some.map((one) => ({ kind: kind as OperationKind, ...one })),
)

/** Gives the command of a passage, and the operation that it became. */
export async function give(world: World, { kind, changed = {} }: Passage, slug: string): Promise<SeenOperation> {
  const path = `/v1/tenants/${slug}`
  const answer =
    kind === 'update'
      ? await world.request('PUT', path, manifest(slug, changed))
      : kind === 'rotate-credentials'
        ? await world.request('POST', `${path}/credentials`, { rotate: true })
        : await world.request('POST', `${path}/${kind}`, kind === 'purge' ? { confirm: slug } : {})
  expect([answer.status, answer.body]).toEqual([202, expect.anything()])
  return answer.body['operation'] as SeenOperation
}

/**
 * A tenant on its way through a passage, with the operation that is to be disturbed.
 * @param ready told of the tenant before it is given the command; of a new one, as soon as it is accepted
 */
export async function enter(
  world: World,
  passage: Passage,
  slug: string,
  ready: (tenant: SeenTenant) => unknown,
): Promise<{ tenant: SeenTenant; operation: SeenOperation }> {
  const born = await world.apply(slug, passage.spec)
  if (passage.kind === 'provision') {
    await ready(born.tenant)
    return born
  }
  await world.until(born.operation.id, 'succeeded')
  for (const kind of passage.before.slice(1)) {
    const { id } = await give(world, { ...passage, kind }, slug)
    await world.until(id, 'succeeded')
  }
  await ready(born.tenant)
  return { tenant: born.tenant, operation: await give(world, passage, slug) }
}

/** Compares a tenant with what is to be seen of it. */
export async function expectSight(world: World, tenant: SeenTenant, sight: Sight): Promise<void> {
  const found = {
    ...(await standing(world, tenant)),
    remains: await remainsOf(world, tenant),
    ...(sight.doors === undefined ? {} : { doors: await doors(world, tenant) }),
  }
  expect(found).toEqual({
    state: sight.state,
    conditions: sight.conditions ?? [],
    remains: sight.remains(tenant),
    ...(sight.doors === undefined ? {} : { doors: sight.doors }),
  })
}

/** State and conditions of a tenant, of one that is purged too. */
export async function standing(world: World, { id }: SeenTenant): Promise<{ state: string; conditions: string[] }> {
  const [row] = await sqlOf(world.deps.orm.pool)<{ state: string; conditions: string[] }>({
    text: `select state, array(select type from conditions where tenant_id = $1 order by type) as conditions
      from tenants where id = $1`,
    values: [id],
  })
  if (row === undefined) throw new Error(`there is no tenant ${id}`)
  return row
}
