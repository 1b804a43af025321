import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ResourceKind } from '../../domain/resources.ts'
import { resourceKinds } from '../../domain/resources.ts'
import type { Target } from '../../isolation/mapper.ts'
import { codeOf } from '../integration/isolation/support.ts'
import { subjects } from './subjects.ts'
import { doors, mapperOf, named, remembering, type ConformanceWorld } from './world.ts'

describe.each(subjects)('verbs of $profile', ({ open }) => {
  let world: ConformanceWorld
  beforeAll(async () => {
    world = await open()
  })
  afterAll(() => world.close())
  const mapper = (kind: ResourceKind) => mapperOf(world, kind)
  const having = (kinds: readonly ResourceKind[]) => resourceKinds.filter((kind) => kinds.includes(kind))

  /** A task queue of its own is closed by its rate; of a shared one the workers ask for the tenant's state. */
  const isOwnQueue = ({ spec }: Target) => spec.kind === 'runtime' && spec.properties.ownQueue

  it.each(resourceKinds)('%s: each verb gives the same when it is run again', async (kind) => {
    const tenant = world.tenant()
    const made = tenant.target(kind)
    const facts = await mapper(kind).ensure(made)
    expect(await mapper(kind).ensure(made)).toEqual(facts)
    const seen = await mapper(kind).observe(made)
    expect(seen).toMatchObject({ exists: true, owner: tenant.id, frozen: false })
    expect(await mapper(kind).observe(made)).toEqual(seen)

    const [closing, opening] = [tenant.target(kind, 2), tenant.target(kind, 3)]
    for (let run = 0; run < 2; run += 1) await mapper(kind).freeze(closing)
    expect(await mapper(kind).observe(made)).toMatchObject({ frozen: doors.includes(kind) || isOwnQueue(made) })
    for (let run = 0; run < 2; run += 1) await mapper(kind).thaw(opening)
    expect(await mapper(kind).observe(made)).toMatchObject({ frozen: false })

    const renewing = tenant.target(kind, 3)
    for (let run = 0; run < 2; run += 1) await mapper(kind).rotate?.(renewing, 'rotation')
    expect(await mapper(kind).observe(made)).toMatchObject({ exists: true, owner: tenant.id, frozen: false })

    const removing = tenant.target(kind, 3)
    const { outcome } = await mapper(kind).remove(removing)
    // There is nothing of a share of the runtime but work, and there was none.
    expect(outcome).toBe(kind === 'runtime' ? 'absent' : 'removed')
    expect(await mapper(kind).remove(removing)).toEqual({ outcome: 'absent' })
    expect(await mapper(kind).observe(made)).toMatchObject({ exists: kind === 'runtime' })
  })

  it.each(having(named))('%s: what is another’s is refused, told, and left', async (kind) => {
    const owner = world.tenant()
    await mapper(kind).ensure(owner.target(kind))
    const before = await mapper(kind).observe(owner.target(kind))
    const stranger = world.tenant({ code: owner.code, secrets: owner.secrets })
    for (const verb of doors.includes(kind) ? (['ensure', 'freeze', 'thaw'] as const) : (['ensure'] as const)) {
      const refused = mapper(kind)[verb](stranger.target(kind, 9))
      await expect(refused).rejects.toMatchObject({
        code: 'resource_not_owned',
        message: expect.stringContaining(owner.code),
      })
    }
    expect(await mapper(kind).observe(owner.target(kind))).toEqual(before)
  })

  // Secrets are bound to one tenant by who hands them in.
  it.each(having(named).filter((kind) => kind !== 'secrets'))(
    '%s: a removal leaves what is another’s',
    async (kind) => {
      const owner = world.tenant()
      await mapper(kind).ensure(owner.target(kind))
      const before = await mapper(kind).observe(owner.target(kind))
      const stranger = world.tenant({ code: owner.code, secrets: owner.secrets })
      expect(await mapper(kind).remove(stranger.target(kind, 9))).toEqual({
        outcome: 'not-owned',
        what: expect.stringContaining(owner.code),
      })
      expect(await mapper(kind).observe(owner.target(kind))).toEqual(before)
    },
  )

  it.each(having(remembering))('%s: a late ensure after a removal makes nothing', async (kind) => {
    const tenant = world.tenant()
    for (const epoch of [1, 2]) {
      const late = tenant.target(kind, epoch)
      await mapper(kind).remove(tenant.target(kind, epoch))
      expect(await codeOf(mapper(kind).ensure(late))).toBe('operation_superseded')
      expect(await mapper(kind).observe(tenant.target(kind, epoch))).toEqual({ exists: false })
      await mapper(kind).ensure(tenant.target(kind, epoch))
    }
  })

  it.each(having(doors))('%s: a late ensure or thaw after a freeze opens nothing', async (kind) => {
    for (const isThere of [false, true]) {
      const tenant = world.tenant()
      if (isThere) await mapper(kind).ensure(tenant.target(kind))
      const [late, lateThaw] = [tenant.target(kind), tenant.target(kind, 2)]
      await mapper(kind).freeze(tenant.target(kind, 2))
      expect(await codeOf(mapper(kind).ensure(late))).toBe('operation_superseded')
      expect(await codeOf(mapper(kind).thaw(lateThaw))).not.toBe('done')
      await mapper(kind).ensure(tenant.target(kind, 2))
      expect(await mapper(kind).observe(tenant.target(kind))).toMatchObject({ exists: true, frozen: true })
    }
  })

  it.each(having(doors))('%s: is born as the latch says, and ensure leaves it so', async (kind) => {
    for (const birth of ['standby', 'suspended'] as const) {
      const tenant = world.tenant()
      await mapper(kind).ensure(tenant.target(kind, 1, { birth }))
      await mapper(kind).ensure(tenant.target(kind))
      expect(await mapper(kind).observe(tenant.target(kind))).toMatchObject({ exists: true, frozen: true })
    }
  })

  it.each(having(doors))('%s: what a later claim has changed is left alone by an earlier one', async (kind) => {
    const tenant = world.tenant()
    const late = tenant.target(kind, 1)
    await mapper(kind).ensure(tenant.target(kind))
    const before = await mapper(kind).observe(tenant.target(kind))
    for (const verb of ['ensure', 'freeze', 'thaw', 'remove'] as const)
      expect(await codeOf(mapper(kind)[verb](late))).toBe('operation_superseded')
    expect(await mapper(kind).observe(tenant.target(kind))).toEqual(before)
  })

  it.each(resourceKinds)('%s: nothing is begun for who was stopped already', async (kind) => {
    const tenant = world.tenant()
    const signal = AbortSignal.abort(new Error('stopped before'))
    await expect(mapper(kind).ensure(tenant.target(kind, 1, { signal }))).rejects.toThrow('stopped before')
    expect(await mapper(kind).observe(tenant.target(kind))).toMatchObject({ exists: kind === 'runtime' })
  })
})
