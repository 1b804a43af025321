import { FreeholdError } from '../../domain/errors.ts'
import type { Mapper, Target } from '../mapper.ts'
import { ownerTag, readOwnerTag } from '../../domain/owner-tag.ts'

/** A secret that says nothing: that it can be read proves that the tenant's key opens what lies below the prefix. */
const canary = ({ spec }: Target) => `${spec.name}canary`

/**
 * Mapper of kind `secrets`: the prefix under which the tenant's secrets are sealed with its own key. There is no door of
 * its own to close: secrets are given out by the API alone, which asks for the tenant's state first.
 */
export function createSecretsMapper(): Mapper {
  return {
    kind: 'secrets',

    async observe(target) {
      const names = await target.secrets.list(target.spec.name)
      if (names.length === 0) return { exists: false }
      const owner = readOwnerTag((await target.secrets.read(canary(target))) ?? null)
      return { exists: true, owner, frozen: false, facts: { secrets: names.length } }
    },

    async ensure(target) {
      const tag = await target.secrets.readOrCreate(canary(target), () => ownerTag(target.tenantId))
      if (readOwnerTag(tag) !== target.tenantId)
        throw new FreeholdError('resource_not_owned', `the secrets below ${target.spec.name} belong to another tenant`)
      return { prefix: target.spec.name }
    },

    async freeze() {},
    async thaw() {},

    async remove(target) {
      return (await target.secrets.destroy(target.spec.name)) > 0 ? 'removed' : 'absent'
    },

    async close() {},
  }
}
