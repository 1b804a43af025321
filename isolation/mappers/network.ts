import { readFile, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { FreeholdError } from '../../domain/errors.ts'
import { resourceProperties } from '../../domain/resources.ts'
import { bounded } from '../abort.ts'
import { refuseLate, refuseSuperseded } from '../mark.ts'
import type { Mapper, Observation, Removal, Target } from '../mapper.ts'
import { codeOf, syncDirectory, unless, writeDurably } from './files.ts'
import { policyText, readPolicy, type Policy } from './network-policy.ts'

type NetworkTarget = Target<'network'>
/** What there is at the path of a policy. */
type Found = Policy | 'foreign' | undefined

/**
 * Mapper of kind `network`: the segment was taken with the placement; here its rules are rendered as a policy file, one a
 * placement, for whatever enforces them. Nothing in this product does, and the file says so. A file lost is written anew
 * by every verb that writes, closed by `freeze`: what enforces it may take "no policy" for "all is allowed".
 */
export function createNetworkMapper(): Mapper<'network'> {
  return {
    kind: 'network',
    observe: (target) => bounded(target, observe),
    async ensure(target) {
      await bounded(target, (on) => write(on, ensured))
      return factsOf(target)
    },
    freeze: (target) => bounded(target, (on) => write(on, () => true)),
    thaw: (target) => bounded(target, (on) => write(on, () => false)),
    remove: (target) => bounded(target, remove),
    async close() {},
  }
}

/** What is there keeps its state; what is not is born as the target says. */
function ensured(found: Policy | undefined, { birth }: NetworkTarget): boolean {
  return found === undefined ? birth !== 'active' : found.frozen
}

function observe(target: NetworkTarget): Promise<Observation> {
  return guarded(target, async (folder): Promise<Observation> => {
    const found = await read(target, pathOf(target, folder))
    if (found === undefined) return { exists: false }
    if (found === 'foreign') return { exists: true, owner: undefined, frozen: false, facts: {} }
    const { owner, frozen, epoch, segment } = found
    return { exists: true, owner, frozen, facts: { ...factsOf(target), segment, epoch } }
  })
}

async function write(
  target: NetworkTarget,
  frozen: (found: Policy | undefined, target: NetworkTarget) => boolean,
): Promise<void> {
  await guarded(target, async (folder) => {
    const path = pathOf(target, folder)
    const found = refuseForeign(target, await read(target, path), path)
    if (found !== undefined) refuseSuperseded(target, found)
    target.signal.throwIfAborted()
    await writeDurably(path, folder, policyText(target, { frozen: frozen(found, target), epoch: target.epoch }))
  })
}

function remove(target: NetworkTarget): Promise<Removal> {
  return guarded(target, async (folder): Promise<Removal> => {
    const path = pathOf(target, folder)
    const found = await read(target, path)
    if (found === undefined) return { outcome: 'absent' }
    if (found === 'foreign' || found.owner !== target.tenantId) return { outcome: 'not-owned', what: strange(path) }
    refuseLate(target, found)
    await rm(path, { force: true })
    await syncDirectory(folder)
    return { outcome: 'removed' }
  })
}

/** The name is joined to the operator's folder, so it is checked once more that it is no path. */
function pathOf({ spec }: NetworkTarget, folder: string): string {
  return join(folder, resourceProperties.network.shape.file.parse(spec.properties.file))
}

function factsOf({ spec }: NetworkTarget) {
  return { segment: spec.properties.segment, policy: spec.properties.file, enforcement: 'external' }
}

async function read(target: NetworkTarget, path: string): Promise<Found> {
  const text = await unless(['EISDIR'], unless(['ENOENT'], readFile(path, 'utf8'), undefined), '')
  return text === undefined ? undefined : readPolicy(text, target)
}

const strange = (path: string) =>
  `the policy file ${path} exists and is not marked as this tenant's; it was left as it is`

function refuseForeign({ tenantId }: NetworkTarget, found: Found, path: string): Policy | undefined {
  if (found === undefined || (found !== 'foreign' && found.owner === tenantId)) return found
  throw new FreeholdError('resource_not_owned', `${strange(path)}. Remove it, then retry`)
}

/**
 * Finds the operator's folder, and turns what the file system throws into an error of ours. The folder must be there: an
 * unmounted volume must not be taken for one without policies.
 */
async function guarded<T>({ cell }: NetworkTarget, work: (folder: string) => Promise<T>): Promise<T> {
  try {
    return await work(await realpath(cell.network.policies))
  } catch (error) {
    const code = codeOf(error)
    if (error instanceof FreeholdError || code === '' || code === 'ABORT_ERR') throw error
    throw new FreeholdError(
      'substrate_unavailable',
      `the folder of network policies ${cell.network.policies} answered ${code}; make or mount it, and let Freehold write there`,
    )
  }
}
