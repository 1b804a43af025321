import { readFile, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { FreeholdError } from '../../domain/errors.ts'
import type { Mapper, Target } from '../mapper.ts'
import { codeOf, syncDirectory, unless, writeDurably } from './files.ts'

const endpoint = z.object({ host: z.string(), port: z.number() })
const propertiesSchema = z.object({
  segment: z.string(),
  /** A name, never a path: it is joined to the operator's folder. */
  file: z.string().regex(/^[a-z0-9][a-z0-9-]*\.json$/),
  database: endpoint,
  bus: endpoint.nullable(),
})
const policySchema = z.object({ owner: z.string(), epoch: z.number(), frozen: z.boolean(), segment: z.string() })

/** What the file says; `foreign` for anything there that is not a policy of ours. */
type Found = z.infer<typeof policySchema> | 'foreign' | undefined

/**
 * Mapper of kind `network`: the segment was taken with the placement; here its rules are rendered as a policy file, one an
 * environment, for whatever enforces them. Nothing in this product does, and the file says so. A file lost is written anew
 * by every verb that writes, closed by `freeze`: what enforces it may take "no policy" for "all is allowed".
 */
export function createNetworkMapper(): Mapper {
  async function write(target: Target, frozen: (found: Found) => boolean): Promise<void> {
    await guarded(target, async (folder) => {
      const path = join(folder, propertiesOf(target).file)
      const found = await read(path)
      refuseForeign(target, found, path)
      refuseStale(target, found)
      const text = `${JSON.stringify(policyOf(target, frozen(found)), undefined, 2)}\n`
      await writeDurably(path, folder, text)
    })
  }

  return {
    kind: 'network',

    observe: (target) =>
      guarded(target, async (folder) => {
        const { file } = propertiesOf(target)
        const found = await read(join(folder, file))
        if (found === undefined) return { exists: false }
        if (found === 'foreign') return { exists: true, owner: undefined, frozen: false, facts: {} }
        const { owner, frozen, epoch, segment } = found
        return { exists: true, owner, frozen, facts: { ...factsOf(segment, file), epoch } }
      }),

    async ensure(target) {
      await write(target, (found) => typeof found === 'object' && found.frozen)
      const { segment, file } = propertiesOf(target)
      return factsOf(segment, file)
    },

    freeze: (target) => write(target, () => true),
    thaw: (target) => write(target, () => false),

    remove: (target) =>
      guarded(target, async (folder) => {
        const path = join(folder, propertiesOf(target).file)
        const found = await read(path)
        if (found === undefined) return 'absent'
        if (found === 'foreign' || found.owner !== target.tenantId) return 'not-owned'
        await rm(path, { force: true })
        await syncDirectory(folder)
        return 'removed'
      }),

    async close() {},
  }
}

const propertiesOf = ({ spec }: Target) => propertiesSchema.parse(spec.properties)

function factsOf(segment: string, file: string) {
  return { segment, policy: file, enforcement: 'external' }
}

async function read(path: string): Promise<Found> {
  const text = await unless(['EISDIR'], unless(['ENOENT'], readFile(path, 'utf8'), undefined), '')
  if (text === undefined) return undefined
  try {
    return policySchema.parse(JSON.parse(text))
  } catch {
    return 'foreign'
  }
}

function refuseForeign({ tenantId }: Target, found: Found, path: string): void {
  if (found === undefined || (found !== 'foreign' && found.owner === tenantId)) return
  throw new FreeholdError(
    'resource_not_owned',
    `the policy file ${path} exists and is not marked as this tenant's; it was left as it is. Remove it, then retry`,
  )
}

function refuseStale({ epoch, spec }: Target, found: Found): void {
  if (typeof found !== 'object' || found.epoch <= epoch) return
  throw new FreeholdError(
    'operation_superseded',
    `the policy of ${spec.name} was changed by a later operation than epoch ${epoch}; nothing was done`,
  )
}

/** Inside of its segment, and out to its own database and bus; nothing else, and nothing at all while it is frozen. */
function policyOf(target: Target, frozen: boolean) {
  const { segment, database, bus } = propertiesOf(target)
  const allow = (direction: 'ingress' | 'egress', peer: object) => ({ direction, action: 'allow', peer })
  const out = (purpose: string, { host, port }: z.infer<typeof endpoint>) => ({
    ...allow('egress', { host, port }),
    protocol: 'tcp',
    purpose,
  })
  return {
    version: 1,
    owner: target.tenantId,
    environment: target.spec.environment,
    enforcement: 'external',
    epoch: target.epoch,
    frozen,
    segment,
    default: 'deny',
    rules: frozen
      ? []
      : [
          allow('ingress', { cidr: segment }),
          allow('egress', { cidr: segment }),
          out('database', database),
          ...(bus === null ? [] : [out('bus', bus)]),
        ],
  }
}

/**
 * Finds the operator's folder, and turns what the file system throws into an error of ours. The folder must be there: an
 * unmounted volume must not be taken for one without policies.
 */
async function guarded<T>({ cell }: Target, work: (folder: string) => Promise<T>): Promise<T> {
  try {
    return await work(await realpath(cell.network.policies))
  } catch (error) {
    const code = codeOf(error)
    if (error instanceof FreeholdError || code === '') throw error
    throw new FreeholdError(
      'substrate_unavailable',
      `the folder of network policies ${cell.network.policies} answered ${code}; make or mount it, and let Freehold write there`,
    )
  }
}
