import type { ArchivesDeclaration } from '../../domain/platform.ts'
import type { ColdStorage } from './cold-storage.ts'
import { createFolderStorage } from './folder-storage.ts'

type Adapters = {
  readonly [K in ArchivesDeclaration['kind']]: (declaration: Extract<ArchivesDeclaration, { kind: K }>) => ColdStorage
}

/** One adapter a kind of storage: a further kind is one file and one line here, beside its declaration in `domain/platform.ts`. */
const adapters: Adapters = {
  'file-system': ({ root }) => createFolderStorage(root),
}

/** Where the platform file says that archives rest. */
export function coldStorageOf(declaration: ArchivesDeclaration): ColdStorage {
  return adapters[declaration.kind](declaration)
}
