import { z } from 'zod'
import { newPassword } from '../../../crypto/tokens.ts'
import type { Mapper, Target } from '../../mapper.ts'
import { createFileSystemStore } from './file-system.ts'
import type { ObjectStore } from './port.ts'

const propertiesSchema = z.object({ container: z.string(), prefix: z.string(), signingKeySecret: z.string() })

function locate({ spec, cell }: Target) {
  const { container, prefix, signingKeySecret } = propertiesSchema.parse(spec.properties)
  return { area: { root: cell.objectStore.root, container, prefix }, signingKeySecret }
}

/** Mapper of kind `object-store`: an area with its owner tag, and the key that signs its scoped credentials. */
export function createObjectStoreMapper(store: ObjectStore = createFileSystemStore()): Mapper {
  return {
    kind: 'object-store',

    async observe(target) {
      const { area } = locate(target)
      const state = await store.describeArea(area)
      if (state === undefined) return { exists: false }
      const { owner, frozen, epoch } = state
      const facts = owner === undefined ? {} : { ...(await store.usage(area)), epoch }
      return { exists: true, owner, frozen, facts }
    },

    async ensure(target) {
      const { area, signingKeySecret } = locate(target)
      await target.secrets.readOrCreate(signingKeySecret, newPassword)
      await store.ensureArea(area, target.tenantId, target.epoch)
      return { container: area.container, prefix: area.prefix }
    },

    freeze: (target) => store.freezeArea(locate(target).area, target.tenantId, target.epoch),
    thaw: (target) => store.thawArea(locate(target).area, target.tenantId, target.epoch),
    remove: (target) => store.purgeArea(locate(target).area, target.tenantId),
    async close() {},
  }
}
