import { z } from 'zod'

const tagSchema = z.object({ freehold: z.string() })

/**
 * The owner tag: says in the world whose a resource is. Only the id of the tenant, never its slug or name, because every
 * tenant of a cell can read the comments of its catalogues.
 */
export function ownerTag(tenantId: string): string {
  return JSON.stringify({ freehold: tenantId })
}

/** The tenant id of a tag; undefined for anything that is not a tag of ours. */
export function readOwnerTag(text: string | null): string | undefined {
  if (text === null) return undefined
  try {
    return tagSchema.parse(JSON.parse(text)).freehold
  } catch {
    return undefined
  }
}
