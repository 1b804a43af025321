import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { FreeholdError } from '../../domain/errors.ts'
import type { Mapper, Target } from '../mapper.ts'
import { unless, writeDurably } from './files.ts'

const endpoint = z.object({ host: z.string(), port: z.number() })
const propertiesSchema = z.object({
  segment: z.string(),
  file: z.string(),
  database: endpoint,
  bus: endpoint.nullable(),
})
const policySchema = z.object({ owner: z.string(), epoch: z.number(), frozen: z.boolean() })

/**
 * Mapper of kind `network`: the segment was taken with the placement; here its rules are rendered as a policy file, one an
 * environment, for whatever enforces them. Nothing in this product does, and the file says so.
 */
export function createNetworkMapper(): Mapper {
  async function render(target: Target, frozen: boolean): Promise<void> {
    const found = await read(target)
    refuseForeign(target, found)
    if (found !== undefined && found.epoch > target.epoch)
      throw new FreeholdError(
        'operation_superseded',
        `${target.spec.name} was changed by a later operation than epoch ${target.epoch}; nothing was done`,
      )
    const text = `${JSON.stringify(policyOf(target, frozen), undefined, 2)}\n`
    await writeDurably(pathOf(target), target.cell.network.policies, text)
  }

  return {
    kind: 'network',

    async observe(target) {
      const found = await read(target)
      if (found === undefined) return { exists: false }
      const { owner, frozen, epoch } = found
      return { exists: true, owner: owner === '' ? undefined : owner, frozen, facts: { ...factsOf(target), epoch } }
    },

    async ensure(target) {
      const found = await read(target)
      await render(target, found?.owner === target.tenantId && found.frozen)
      return factsOf(target)
    },

    freeze: (target) => render(target, true),
    thaw: (target) => render(target, false),

    async remove(target) {
      const found = await read(target)
      if (found === undefined) return 'absent'
      if (found.owner !== target.tenantId) return 'not-owned'
      await rm(pathOf(target), { force: true })
      return 'removed'
    },

    async close() {},
  }
}

const propertiesOf = ({ spec }: Target) => propertiesSchema.parse(spec.properties)
const pathOf = (target: Target) => join(target.cell.network.policies, propertiesOf(target).file)

function factsOf(target: Target) {
  const { segment, file } = propertiesOf(target)
  return { segment, policy: file, enforcement: 'external' }
}

/** What the file says; owner '' for one that is not ours to read. */
async function read(target: Target): Promise<z.infer<typeof policySchema> | undefined> {
  const text = await unless(['ENOENT'], readFile(pathOf(target), 'utf8'), undefined)
  if (text === undefined) return undefined
  try {
    return policySchema.parse(JSON.parse(text))
  } catch {
    return { owner: '', epoch: 0, frozen: false }
  }
}

function refuseForeign(target: Target, found: z.infer<typeof policySchema> | undefined): void {
  if (found === undefined || found.owner === target.tenantId) return
  throw new FreeholdError(
    'resource_not_owned',
    `the policy file ${pathOf(target)} exists and is not marked as this tenant's; it was left as it is. Remove it, then retry`,
  )
}

/** Inside of its segment, and out to its own database and bus; nothing else, and nothing at all while it is frozen. */
function policyOf(target: Target, frozen: boolean) {
  const { segment, database, bus } = propertiesOf(target)
  const inside = [
    { direction: 'ingress', from: segment, action: 'allow' },
    { direction: 'egress', to: segment, action: 'allow' },
  ]
  const out = (purpose: string, { host, port }: { host: string; port: number }) => [
    { direction: 'egress', to: { host, port }, protocol: 'tcp', purpose, action: 'allow' },
  ]
  const outside = [...out('database', database), ...(bus === null ? [] : out('bus', bus))]
  return {
    version: 1,
    owner: target.tenantId,
    environment: target.spec.environment,
    enforcement: 'external',
    epoch: target.epoch,
    frozen,
    segment,
    default: 'deny',
    rules: frozen ? [] : [...inside, ...outside],
  }
}
