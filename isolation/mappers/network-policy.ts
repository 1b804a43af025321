import { z } from 'zod'
import { ownerAt } from '../../domain/owner-tag.ts'
import type { ResourceProperties } from '../../domain/resources.ts'
import type { Target } from '../mapper.ts'

/** What a policy file says of itself; files of earlier releases have neither a fence nor a placement. */
const policySchema = z.object({
  owner: z.string(),
  placement: z.int().optional(),
  epoch: z.number(),
  fence: z.number().default(0),
  frozen: z.boolean(),
  segment: z.string(),
})
export type Policy = Omit<z.infer<typeof policySchema>, 'owner' | 'placement'> & { owner: string | undefined }

/** Reads the text of a policy file of this placement; `foreign` for anything that is not a policy of ours. */
export function readPolicy(text: string, { spec }: Target<'network'>): Policy | 'foreign' {
  try {
    const { owner, placement, ...policy } = policySchema.parse(JSON.parse(text))
    return { ...policy, owner: ownerAt(owner, placement, spec.placement) }
  } catch {
    return 'foreign'
  }
}

/** Inside of its segment, and out to its own database and bus; nothing else, and nothing at all while it is frozen. */
export function policyText(target: Target<'network'>, state: { frozen: boolean; epoch: number }): string {
  const { segment, database, bus } = target.spec.properties
  const allow = (direction: 'ingress' | 'egress', peer: object) => ({ direction, action: 'allow', peer })
  const out = (purpose: string, { host, port }: ResourceProperties<'network'>['database']) => ({
    ...allow('egress', { host, port }),
    protocol: 'tcp',
    purpose,
  })
  const policy = {
    version: 1,
    owner: target.tenantId,
    environment: target.spec.environment,
    placement: target.spec.placement,
    enforcement: 'external',
    epoch: state.epoch,
    fence: target.fence,
    frozen: state.frozen,
    segment,
    default: 'deny',
    rules: state.frozen
      ? []
      : [
          allow('ingress', { cidr: segment }),
          allow('egress', { cidr: segment }),
          out('database', database),
          ...(bus === null ? [] : [out('bus', bus)]),
        ],
  }
  return `${JSON.stringify(policy, undefined, 2)}\n`
}
