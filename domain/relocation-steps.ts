import type { Step, StepAction } from './operation.ts'
import { resourceTitle, migrationSteps, removalSteps, step, thawSteps } from './steps.ts'
import type { ResourceSpec } from './resources.ts'

/** What a move makes, and what it changes of what the placements of the environment share. */
export type MovedSpecs = { readonly made: readonly ResourceSpec[]; readonly changed: readonly ResourceSpec[] }

const about = (spec: ResourceSpec, action: StepAction, title: string, after: readonly string[]): Step =>
  step(spec, { action, key: `${spec.key}/${action}`, title: `${title} of ${spec.environment}`, after })

const ofKind = (specs: readonly ResourceSpec[], kind: ResourceSpec['kind']) => specs.find((spec) => spec.kind === kind)

/**
 * A move, with a wait before its cut where somebody has to give the word or a window has to open: the new placement is made and stays
 * closed, its database becomes a copy that follows the old one, and its objects are carried over; the cut exchanges the two; what
 * came late of the objects follows, with both areas closed; and the proof compares both databases as they were at the cut.
 */
export function relocateSteps(
  { made, changed }: MovedSpecs,
  { appVersion, waits }: { appVersion: string | null; waits: boolean },
): Step[] {
  const [database, objects] = [ofKind(made, 'database'), ofKind(made, 'object-store')]
  if (database === undefined || objects === undefined) throw new Error('a placement has a database and objects')
  const ensure = made.map((spec) => step(spec, { action: 'ensure', after: spec.after, isStandby: true }))
  const migrate = migrationSteps([database], appVersion)
  const ready = [...ensure, ...migrate].map((one) => one.key)
  const carry = about(objects, 'carry', 'objects', ready)
  const copy = about(database, 'copy', 'copy', [carry.key])
  const wait = waits ? [about(database, 'await', 'word for the cut', [copy.key])] : []
  const cut = about(database, 'cut', 'cut', [wait[0]?.key ?? copy.key])
  const handOver = about(objects, 'handOver', 'last objects', [cut.key])
  const others = made.filter(({ kind }) => kind !== 'database')
  return [
    ...ensure,
    ...migrate,
    carry,
    copy,
    ...wait,
    cut,
    handOver,
    ...changedSteps(changed, [cut.key]),
    ...thawSteps(others).map((one) => ({ ...one, after: [handOver.key] })),
    about(database, 'prove', 'proof', [handOver.key]),
  ]
}

/** What placements share, as the placement has it that serves. */
function changedSteps(changed: readonly ResourceSpec[], after: readonly string[]): Step[] {
  return changed.map((spec) => step(spec, { action: 'ensure', title: `change of the ${resourceTitle(spec)}`, after }))
}

/** Back to where the tenant was: the cut the other way and the objects where there were any, and then the new placement goes. */
export function revertSteps({ made, changed }: MovedSpecs): Step[] {
  const [database, objects] = [ofKind(made, 'database'), ofKind(made, 'object-store')]
  const revert = database && about(database, 'revert', 'return', [])
  const takeBack =
    objects && about(objects, 'takeBack', 'return of the objects', revert === undefined ? [] : [revert.key])
  const first = [revert, takeBack].filter((one) => one !== undefined)
  const after = first.map(({ key }) => key)
  const removal = removalSteps(made).map((one) => ({ ...one, after: [...one.after, ...after] }))
  return [...first, ...changedSteps(changed, after), ...removal]
}

/** The end of a move: what it made for moving goes, and then the old placement. There is no way back any more. */
export function completeSteps(left: readonly ResourceSpec[], database: ResourceSpec): Step[] {
  const release = about(database, 'release', 'release of the old place', [])
  return [release, ...removalSteps(left).map((one) => ({ ...one, after: [...one.after, release.key] }))]
}
