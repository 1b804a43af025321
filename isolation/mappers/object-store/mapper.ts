import { inventoryOf } from '../../../domain/archive.ts'
import { newPassword } from '../../../crypto/tokens.ts'
import { FreeholdError } from '../../../domain/errors.ts'
import { ownerAt } from '../../../domain/owner-tag.ts'
import { bounded } from '../../abort.ts'
import type { Mapper, Observation, Removal, Target } from '../../mapper.ts'
import { compareObjects, exportObjects, importObjects } from './archive.ts'
import type { Area, AreaClaim, ObjectStore } from './port.ts'
import { storeOf } from './stores.ts'

type ObjectTarget = Target<'object-store'>

/** What a verb works with: the store of the target's cell, the area in it, and under which claim. */
export function locate(target: ObjectTarget): [store: ObjectStore, area: Area, claim: AreaClaim] {
  const { spec, cell, tenantId: owner, epoch, fence } = target
  const { container, prefix } = spec.properties
  return [storeOf(cell.objectStore), { container, prefix }, { owner, placement: spec.placement, epoch, fence }]
}

/** Mapper of kind `object-store`: an area with its owner tag, and the key that signs its scoped credentials. */
export function createObjectStoreMapper(): Mapper<'object-store'> {
  return {
    kind: 'object-store',
    observe: (target) => bounded(target, observe),
    ensure: (target) => bounded(target, ensure),
    freeze: (target) =>
      bounded(target, (on) => {
        const [store, area, claim] = locate(on)
        return store.freezeArea(area, claim)
      }),
    thaw: (target) =>
      bounded(target, (on) => {
        const [store, area, claim] = locate(on)
        return store.thawArea(area, claim)
      }),
    remove: (target) => bounded(target, remove),
    export: (target, to) => bounded(target, (on) => exportObjects(locate(on), to)),
    import: (target, from, listed) =>
      bounded(target, (on) => importObjects(locate(on), from, inventoryOf('object-store', listed))),
    compare: (target, listed) =>
      bounded(target, (on) => compareObjects(locate(on), inventoryOf('object-store', listed))),
    async close() {},
  }
}

async function observe(target: ObjectTarget): Promise<Observation> {
  const [store, area] = locate(target)
  const state = await store.describeArea(area)
  if (state === undefined) return { exists: false }
  const { owner, placement, frozen, epoch } = state
  if (owner === undefined) return { exists: true, owner, frozen, facts: {} }
  const facts = { ...(await store.usage(area)), epoch }
  return { exists: true, owner: ownerAt(owner, placement, target.spec.placement), frozen, facts }
}

async function ensure(target: ObjectTarget) {
  const [store, area, claim] = locate(target)
  await target.secrets.readOrCreate(target.spec.properties.signingKeySecret, newPassword)
  target.signal.throwIfAborted()
  await store.ensureArea(area, claim, target.birth === 'active' ? 'open' : 'closed')
  return { container: area.container, prefix: area.prefix }
}

async function remove(target: ObjectTarget): Promise<Removal> {
  const [store, area, claim] = locate(target)
  try {
    return { outcome: await store.purgeArea(area, claim) }
  } catch (error) {
    if (!(error instanceof FreeholdError && error.code === 'resource_not_owned')) throw error
    return { outcome: 'not-owned', what: error.message }
  }
}
