import { FreeholdError } from '../domain/errors.ts'
import type { Target } from './mapper.ts'

/** What a resource that is marked in the world itself says of the one who worked there last. */
export type Mark = { readonly epoch: number; readonly fence: number }

/** Throws `operation_superseded` for one whose claim is older than that of who worked there last. */
export function refuseLate({ fence, spec }: Target, mark: Mark): void {
  if (mark.fence > fence)
    throw new FreeholdError(
      'operation_superseded',
      `${spec.name} was changed under claim ${mark.fence}, which is later than this claim ${fence}; nothing was done`,
    )
}

/** As `refuseLate`, and for who would write an epoch lower than the one that is there. */
export function refuseSuperseded(target: Target, mark: Mark): void {
  refuseLate(target, mark)
  if (mark.epoch > target.epoch)
    throw new FreeholdError(
      'operation_superseded',
      `${target.spec.name} was changed by epoch ${mark.epoch}, which is later than this epoch ${target.epoch}; nothing was done`,
    )
}
