import { sameSpec } from '../domain/changes.ts'
import type { ResourceSpec } from '../domain/resources.ts'
import type { Facts, LedgerEntry } from './kinds/kind.ts'

/**
 * What the placements of an environment share and is another where one of them serves; objects are not shared any more once they have
 * moved.
 * @param wanted what the strategy of that placement asks for
 */
export function sharedChanges({ ledger }: Pick<Facts, 'ledger'>, wanted: readonly ResourceSpec[]): ResourceSpec[] {
  const known = new Map(ledger.map(({ key, spec }) => [key, spec]))
  return wanted.filter((spec) => {
    const now = known.get(spec.key)
    return spec.placement === 0 && spec.kind !== 'object-store' && now !== undefined && !sameSpec(now, spec)
  })
}

/** What the ledger has of one placement alone. */
export function ofPlacement(ledger: readonly LedgerEntry[], environment: string, number: number): ResourceSpec[] {
  return placed(ledger, environment, (spec) => spec.placement === number)
}

/** What a move leaves behind: all of the old placement, and objects in an area that placements shared before. */
export function leftBehind(
  ledger: readonly LedgerEntry[],
  { environment, source, target }: { environment: string; source: number; target: number },
): ResourceSpec[] {
  return placed(
    ledger,
    environment,
    (spec) => spec.placement === source || (spec.kind === 'object-store' && spec.placement !== target),
  )
}

function placed(ledger: readonly LedgerEntry[], environment: string, isIt: (spec: ResourceSpec) => boolean) {
  return ledger.flatMap(({ spec }) =>
    spec.environment === environment && spec.kind !== 'archive' && isIt(spec) ? [spec] : [],
  )
}
