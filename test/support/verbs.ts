import { stepActions, type StepAction } from '../../domain/operation.ts'
import { resourceKinds } from '../../domain/resources.ts'
import type { Mapper, Target } from '../../isolation/mapper.ts'
import type { Mappers } from '../../isolation/mappers/index.ts'

/** One call of a verb that belongs to a step: which, on what, and the key of the step. */
export type Call = { readonly action: StepAction; readonly target: Target; readonly step: string }
/** Stands in for a verb; `run` is the verb itself, on the same target unless another is given. */
export type Around = (call: Call, run: (target?: Target) => Promise<unknown>) => Promise<unknown>

const actions: readonly string[] = stepActions
const keyOf: Partial<Record<StepAction, string>> = {
  migrate: '/schema',
  freeze: '/freeze',
  thaw: '/thaw',
  export: '/export',
  import: '/import',
  compare: '/compare',
}

/** The same mappers, with something around every verb that a step calls: how tests inject faults from outside. */
export function aroundVerbs(mappers: Mappers, around: Around): Mappers {
  const wrapped = resourceKinds.map((kind) => {
    const mapper: Mapper = mappers[kind]
    const verbs = Object.entries(mapper).map(([name, verb]) => {
      if (!actions.includes(name)) return [name, verb]
      const action = name as StepAction
      const call = verb as (target: Target, ...more: unknown[]) => Promise<unknown>
      return [
        name,
        (target: Target, ...more: unknown[]) => {
          const step = `${target.spec.key}${keyOf[action] ?? ''}`
          return around({ action, target, step }, async (other = target) => call(other, ...more))
        },
      ]
    })
    return [kind, Object.fromEntries(verbs)]
  })
  return Object.fromEntries(wrapped) as Mappers
}
