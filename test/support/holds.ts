import type { Mappers } from '../../isolation/mappers/index.ts'
import { aroundVerbs, type Call } from './verbs.ts'

/** Mappers that stop, for some tenants, before some verbs until they are let go; a try that is told to end, ends. */
export function holdingMappers(mappers: Mappers) {
  const holds = new Map<string, { isMeant: (call: Call) => boolean; reached: () => void; goOn: Promise<unknown> }>()

  return {
    mappers: aroundVerbs(mappers, async (call, run) => {
      const hold = holds.get(call.target.tenantId)
      if (hold?.isMeant(call) !== true) return run()
      hold.reached()
      const { signal } = call.target
      const told = Promise.withResolvers<never>()
      const end = () => told.reject(signal.reason as Error)
      signal.addEventListener('abort', end)
      await Promise.race([hold.goOn, told.promise]).finally(() => signal.removeEventListener('abort', end))
      return run()
    }),
    /** Stops this tenant at these verbs: `reached` once it has come to one, and `goOn` lets them go. */
    hold(tenant: { readonly id: string }, isMeant: (call: Call) => boolean) {
      const reached = Promise.withResolvers<void>()
      const goOn = Promise.withResolvers<void>()
      holds.set(tenant.id, { isMeant, reached: reached.resolve, goOn: goOn.promise })
      return { reached: reached.promise, goOn: goOn.resolve }
    },
  }
}
