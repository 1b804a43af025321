import { inventoryOf } from '../../domain/archive.ts'
import { FreeholdError } from '../../domain/errors.ts'
import { ownerTag, readOwnerTag } from '../../domain/owner-tag.ts'
import { compareSecrets, exportSecrets, importSecrets } from './secrets-archive.ts'
import { bounded } from '../abort.ts'
import type { Mapper, Removal, Target } from '../mapper.ts'

type SecretsTarget = Target<'secrets'>

/** A secret that says nothing: that it can be read proves that the tenant's key opens what lies below the prefix. */
const canary = ({ spec }: SecretsTarget) => `${spec.name}canary`

/**
 * Mapper of kind `secrets`: the prefix under which the tenant's secrets are sealed with its own key. There is no door of
 * its own to close: secrets are given out by the API alone, which asks for the tenant's state first. Who comes late is
 * refused by the registry, in which they are.
 */
export function createSecretsMapper(): Mapper<'secrets'> {
  return {
    kind: 'secrets',
    observe: (target) => bounded(target, observe),
    ensure: (target) => bounded(target, ensure),
    async freeze() {},
    async thaw() {},
    remove: (target) => bounded(target, remove),
    export: (target, to) => bounded(target, (on) => exportSecrets(on, to)),
    import: (target, from, listed) => bounded(target, (on) => importSecrets(on, from, inventoryOf('secrets', listed))),
    compare: (target, listed) => bounded(target, (on) => compareSecrets(on, inventoryOf('secrets', listed))),
    async close() {},
  }
}

async function observe(target: SecretsTarget) {
  const names = await target.secrets.list(target.spec.name)
  if (names.length === 0) return { exists: false } as const
  const owner = readOwnerTag(await target.secrets.read(canary(target)), target.spec.placement)
  return { exists: true, owner, frozen: false, facts: { secrets: names.length } } as const
}

async function ensure(target: SecretsTarget) {
  const { tenantId, spec, secrets } = target
  const tag = ownerTag(tenantId, spec.placement)
  const found = await secrets.readOrCreate(canary(target), () => tag)
  if (readOwnerTag(found, spec.placement) !== tenantId)
    throw new FreeholdError('resource_not_owned', `the secrets below ${spec.name} belong to another tenant`)
  if (found !== tag) await secrets.replace(canary(target), tag)
  return { prefix: spec.name }
}

async function remove({ spec, secrets }: SecretsTarget): Promise<Removal> {
  return { outcome: (await secrets.destroy(spec.name)) > 0 ? 'removed' : 'absent' }
}
