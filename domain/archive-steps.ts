import { archivedKinds } from './archive.ts'
import { archiveFolder } from './names.ts'
import type { Step } from './operation.ts'
import type { Placement } from './placement.ts'
import { resourceKey, type ResourceSpec } from './resources.ts'
import { freezeSteps, removalSteps, resourceTitle, step, thawSteps } from './steps.ts'

/** The archive of one placement: it has the placement's number, so that no two of a tenant have the same folder. */
export function archiveSpec(
  code: string,
  { environment, number, cell }: Pick<Placement, 'environment' | 'number' | 'cell'>,
): ResourceSpec<'archive'> {
  const folder = archiveFolder(code, environment, number)
  return {
    key: resourceKey(environment, 'archive', number),
    kind: 'archive',
    environment,
    placement: number,
    cell,
    name: folder,
    after: [],
    properties: { folder },
  }
}

const verifyOf = ({ key }: Pick<ResourceSpec, 'key'>) => `${key}/verify`
const holdsData = ({ kind }: ResourceSpec) => archivedKinds.includes(kind)

/**
 * Archiving: every door is closed, then what holds data is exported, then all of it is read back; and once that is proven to be
 * sound, what was archived is removed, and so are earlier archives.
 * @param archives one for each environment
 * @param ledger everything that the tenant has
 */
export function archiveSteps(archives: readonly ResourceSpec<'archive'>[], ledger: readonly ResourceSpec[]): Step[] {
  const living = ledger.filter(({ kind }) => kind !== 'archive')
  const steps = archives.flatMap((archive) => {
    const here = living.filter(({ environment }) => environment === archive.environment)
    // Everything of an environment is as it was at one moment.
    const closed = freezeSteps(here).map(({ key }) => key)
    const exporting = here.filter(holdsData).map((spec) =>
      step(spec, {
        action: 'export',
        key: `${spec.key}/export`,
        title: `export of the ${resourceTitle(spec)}`,
        after: [archive.key, ...closed],
        archive: archive.key,
      }),
    )
    const verify = step(archive, {
      action: 'verify',
      key: verifyOf(archive),
      title: `proof of the ${resourceTitle(archive)}`,
      after: exporting.map(({ key }) => key),
    })
    return [step(archive, { action: 'ensure', after: [] }), ...exporting, verify]
  })
  return [...freezeSteps(living), ...steps, ...releaseSteps(archives, ledger)]
}

/** What is left of archiving once the archives are proven to be sound. */
export function releaseSteps(archives: readonly ResourceSpec[], ledger: readonly ResourceSpec[]): Step[] {
  const kept = new Set(archives.map(({ key }) => key))
  return removalSteps(ledger.filter(({ key }) => !kept.has(key))).map((removal) => ({
    ...removal,
    title: `removal of the ${removal.title}`,
    after: [...removal.after, ...archives.map(verifyOf)],
    inForce: true as const,
  }))
}

/**
 * Restoring: the secrets first, for what the others are made with is among them; then every resource, closed, and its data; then
 * all is compared with the archive; and then the doors are opened.
 * @param wanted every resource, at its new place
 * @param archives key of the archive by environment
 */
export function restoreSteps(wanted: readonly ResourceSpec[], archives: ReadonlyMap<string, string>): Step[] {
  const secretsOf = (environment: string) =>
    wanted
      .filter((spec) => spec.kind === 'secrets' && spec.environment === environment)
      .map(({ key }) => `${key}/import`)
  const steps = wanted.flatMap((spec) => {
    const { kind, environment } = spec
    const secrets = kind === 'secrets' ? [] : secretsOf(environment)
    const ensure = step(spec, { action: 'ensure', after: [...spec.after, ...secrets], isBornClosed: true })
    const archive = archives.get(environment)
    if (!holdsData(spec) || archive === undefined) return [ensure]
    const title = resourceTitle(spec)
    const importing = step(spec, {
      action: 'import',
      key: `${spec.key}/import`,
      title: `import of the ${title}`,
      after: [spec.key],
      archive,
    })
    return [
      ensure,
      importing,
      step(spec, {
        action: 'compare',
        key: `${spec.key}/compare`,
        title: `proof of the ${title}`,
        after: [importing.key],
        archive,
      }),
    ]
  })
  // No door is open before everything is there, and is what it was.
  const all = steps.map(({ key }) => key)
  return [...steps, ...thawSteps(wanted).map((thaw) => ({ ...thaw, after: all }))]
}
