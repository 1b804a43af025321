import type { ObjectStoreDeclaration } from '../../../domain/platform.ts'
import { createFileSystemStore } from './file-system.ts'
import type { ObjectStore } from './port.ts'

type Adapters = {
  readonly [K in ObjectStoreDeclaration['kind']]: (
    declaration: Extract<ObjectStoreDeclaration, { kind: K }>,
  ) => ObjectStore
}

/** One adapter a kind of store: a further kind is one file and one line here, beside its declaration in `domain/platform.ts`. */
const adapters: Adapters = {
  'file-system': ({ root }) => createFileSystemStore(root),
}

/** The store of a cell, by what its declaration says. */
export function storeOf(declaration: Readonly<ObjectStoreDeclaration>): ObjectStore {
  return adapters[declaration.kind](declaration)
}
