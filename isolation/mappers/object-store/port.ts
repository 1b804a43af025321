import type { Readable } from 'node:stream'

/** One tenant environment's part of a container. */
export type Area = { readonly root: string; readonly container: string; readonly prefix: string }

export type ObjectListing = { readonly key: string; readonly size: number }
export type ObjectEntry = ObjectListing & { readonly sha256: string }

export const permissions = ['read', 'write', 'list', 'delete'] as const
export type Permission = (typeof permissions)[number]

/** Whose an area is, undefined when it does not say, and whether it is closed. */
export type AreaState = { readonly owner: string | undefined; readonly frozen: boolean; readonly epoch: number }

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
 * Where tenants' objects are. Area verbs are the control plane's own and take the owner's tenant id: they throw
 * `resource_not_owned` for an area that is another's or nobody's. Every verb may run again.
 */
export type ObjectStore = {
  /** undefined when there is no such area. */
  describeArea(area: Area): Promise<AreaState | undefined>
  /** Makes the area; one that exists keeps its state. */
  ensureArea(area: Area, owner: string, epoch: number): Promise<void>
  /** Refuses all access from now on. Throws `operation_superseded` when the area has a higher epoch. */
  freezeArea(area: Area, owner: string, epoch: number): Promise<void>
  /** Undoes `freezeArea` under a higher or the same epoch. */
  thawArea(area: Area, owner: string, epoch: number): Promise<void>
  /** Destroys the area and its objects; one that is not the owner's is left. */
  purgeArea(area: Area, owner: string): Promise<'removed' | 'absent' | 'not-owned'>
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
