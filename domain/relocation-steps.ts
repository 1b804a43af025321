import type { Step } from './operation.ts'
import type { ResourceSpec } from './resources.ts'
import { migrationSteps, removalSteps, step, thawSteps } from './steps.ts'

/**
 * A move, with a wait before its cut where somebody has to give the word or a window has to open: the new placement is made and stays closed, its database becomes a copy that follows the old one, the cut exchanges the two,
 * and the proof compares them as they were at the cut.
 */
export function relocateSteps(
  specs: readonly ResourceSpec[],
  database: ResourceSpec,
  { appVersion, waits }: { appVersion: string | null; waits: boolean },
): Step[] {
  const { environment, key } = database
  const ensure = specs.map((spec) => step(spec, { action: 'ensure', after: spec.after, isStandby: true }))
  const migrate = migrationSteps([database], appVersion)
  const made = [...ensure, ...migrate].map((one) => one.key)
  const moving = (action: 'copy' | 'await' | 'cut' | 'prove', title: string, after: readonly string[]) =>
    step(database, { action, key: `${key}/${action}`, title: `${title} of ${environment}`, after })
  return [
    ...ensure,
    ...migrate,
    moving('copy', 'copy', made),
    ...(waits ? [moving('await', 'word for the cut', [`${key}/copy`])] : []),
    moving('cut', 'cut', [`${key}/${waits ? 'await' : 'copy'}`]),
    ...thawSteps(specs.filter(({ kind }) => kind !== 'database')).map((one) => ({ ...one, after: [`${key}/cut`] })),
    moving('prove', 'proof', [`${key}/cut`]),
  ]
}

/** Back to where the tenant was: the cut the other way where there was one, and then the new placement goes. */
export function revertSteps(specs: readonly ResourceSpec[], database: ResourceSpec | undefined): Step[] {
  const removal = removalSteps(specs)
  if (database === undefined) return removal
  const revert = step(database, {
    action: 'revert',
    key: `${database.key}/revert`,
    title: `return of ${database.environment}`,
    after: [],
  })
  return [revert, ...removal.map((one) => ({ ...one, after: [...one.after, revert.key] }))]
}

/** The end of a move: what it made for moving goes, and then the old placement. There is no way back any more. */
export function completeSteps(specs: readonly ResourceSpec[], database: ResourceSpec): Step[] {
  const release = step(database, {
    action: 'release',
    key: `${database.key}/release`,
    title: `release of the old place of ${database.environment}`,
    after: [],
  })
  const removal = removalSteps(specs)
  return [release, ...removal.map((one) => ({ ...one, after: [...one.after, release.key] }))]
}
