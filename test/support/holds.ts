import type { Mappers } from '../../isolation/mappers/index.ts'
import { aroundVerbs } from './verbs.ts'

/** Mappers that stop, for some tenants, before one verb until they are let go; a try that is told to end, ends. */
export function holdingMappers(mappers: Mappers) {
  const holds = new Map<string, { middle: string; reached: () => void; goOn: Promise<unknown> }>()

  return {
    mappers: aroundVerbs(mappers, async ({ action, target, step }, run) => {
      const hold = holds.get(target.tenantId)
      if (hold?.middle !== `${action} ${step}`) return run()
      hold.reached()
      const told = Promise.withResolvers<never>()
      const end = () => told.reject(target.signal.reason as Error)
      target.signal.addEventListener('abort', end)
      await Promise.race([hold.goOn, told.promise]).finally(() => target.signal.removeEventListener('abort', end))
      return run()
    }),
    /** Stops this tenant there: `reached` once it has come to it, and `goOn` lets it go. */
    hold(tenant: { readonly id: string }, middle: string) {
      const reached = Promise.withResolvers<void>()
      const goOn = Promise.withResolvers<void>()
      holds.set(tenant.id, { middle, reached: reached.resolve, goOn: goOn.promise })
      return { reached: reached.promise, goOn: goOn.resolve }
    },
  }
}
