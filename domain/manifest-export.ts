import { manifestSchema, type Manifest } from './manifest.ts'
import type { Contact, ResolvedManifest } from './manifest-resolve.ts'

/**
 * A manifest that asks for exactly what is in force, with every default written down: applied, it changes nothing, whatever the
 * defaults of today are.
 */
export function exportManifest(
  { apiVersion, kind, metadata, spec }: ResolvedManifest,
  contacts: readonly Contact[],
): Manifest {
  const { schema, ...rest } = spec
  return manifestSchema.parse({
    apiVersion,
    kind,
    metadata,
    spec: {
      ...rest,
      ...(schema.appVersion === null ? {} : { schema }),
      ...(contacts.length === 0 ? {} : { contacts }),
    },
  })
}
