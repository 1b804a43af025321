import { z } from 'zod'

const tagSchema = z.object({ freehold: z.string(), placement: z.int().min(0).optional() })

/**
 * The owner tag: says in the world whose a resource is. Only the id of the tenant, never its slug or name, because every
 * tenant of a cell can read the comments of its catalogues; and the number of the placement, 0 for what placements share,
 * so that who removes one placement leaves the others alone.
 */
export function ownerTag(tenantId: string, placement?: number): string {
  return JSON.stringify({ freehold: tenantId, placement })
}

/**
 * The tenant id of a tag; undefined for anything that is not a tag of ours, and for one of another placement. A tag without
 * a number is older than numbers and counts for every placement.
 */
export function readOwnerTag(text: string | null | undefined, placement?: number): string | undefined {
  const tag = tagSchema.safeParse(parse(text ?? '')).data
  return tag && ownerAt(tag.freehold, tag.placement, placement)
}

/** The owner that is tagged, seen from a placement: undefined when the tag is of another one. */
export function ownerAt(owner: string, tagged: number | undefined, placement: number | undefined): string | undefined {
  return placement === undefined || tagged === undefined || tagged === placement ? owner : undefined
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
