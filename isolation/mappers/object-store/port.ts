import type { Readable } from 'node:stream'

/** One tenant environment's part of a container of the store. */
export type Area = { readonly container: string; readonly prefix: string }

/** Who works on an area: for which tenant and placement, and under which claim. Written to the area by what changes it. */
export type AreaClaim = {
  readonly owner: string
  /** 0 for an area that placements share. */
  readonly placement: number
  readonly epoch: number
  readonly fence: number
}

export type ObjectListing = { readonly key: string; readonly size: number }
export type ObjectEntry = ObjectListing & { readonly sha256: string }

export const permissions = ['read', 'write', 'list', 'delete'] as const
export type Permission = (typeof permissions)[number]

/** What an area says of itself: the tenant it is of, undefined when it does not say, who worked there last, and whether it is closed. */
export type AreaState = {
  readonly owner: string | undefined
  readonly placement?: number | undefined
  readonly frozen: boolean
  readonly epoch: number
  readonly fence: number
}

/** What the holder of a scoped credential can do; each call checks the credential anew, and the area's state. */
export type ObjectAccess = {
  /** Stores an object whole or not at all, in place of one of that key. Needs `write`. */
  put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>): Promise<void>
  /** Throws `not_found`. Needs `read`. */
  get(key: string): Promise<Readable>
  /** Objects whose key begins with `prefix`, by key ascending. Needs `list`. */
  list(prefix: string): Promise<ObjectListing[]>
  /** False when there was none. Needs `delete`. */
  delete(key: string): Promise<boolean>
}

/**
 * Where tenants' objects are. Area verbs are the control plane's own: they throw `resource_not_owned` for an area that is
 * another's, another placement's or nobody's, and `operation_superseded` for one that a later claim has changed. Every verb
 * may run again.
 */
export type ObjectStore = {
  /** undefined when there is no such area. */
  describeArea(area: Area): Promise<AreaState | undefined>
  /** Makes the area, open or closed; one that exists keeps its state. */
  ensureArea(area: Area, claim: AreaClaim, birth: 'open' | 'closed'): Promise<void>
  /** Refuses all access from now on; what is not there is made closed. */
  freezeArea(area: Area, claim: AreaClaim): Promise<void>
  /** Undoes `freezeArea`. Throws `not_found` when there is no such area. */
  thawArea(area: Area, claim: AreaClaim): Promise<void>
  /** Destroys the area and its objects. What is another's is left, and told by throwing `resource_not_owned`. */
  purgeArea(area: Area, claim: AreaClaim): Promise<'removed' | 'absent'>
  /** Every object with size in bytes, by key ascending. */
  listings(area: Area): Promise<ObjectListing[]>
  /** The bytes of an object, for an archive, open or closed. Throws `not_found`. */
  read(area: Area, key: string): Promise<AsyncIterable<Uint8Array>>
  /** Stores an object whole or not at all, in place of one of that key, also in a closed area. */
  write(area: Area, claim: AreaClaim, key: string, body: AsyncIterable<Uint8Array>): Promise<void>
  /** Deletes an object; one that is not there is success. */
  erase(area: Area, claim: AreaClaim, key: string): Promise<void>
  /** Every object with size in bytes and SHA-256 in hex, by key ascending. */
  inventory(area: Area): Promise<ObjectEntry[]>
  usage(area: Area): Promise<{ bytes: number; objects: number }>
  /** A bearer credential for one area. `signingKey` is the area's own: a new one ends all credentials given before. */
  scopedCredential(
    area: Area,
    signingKey: string,
    grant: { permissions: readonly Permission[]; expiresInSeconds: number; now: Date },
  ): string
  /** Access by a credential. Its calls throw `unauthenticated` for a false or expired one, `forbidden` for what it does not allow. */
  open(area: Area, access: { credential: string; signingKey: string; now: () => Date }): ObjectAccess
}
