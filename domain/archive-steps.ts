import { archiveFolder } from './names.ts'
import type { Placement } from './placement.ts'
import { resourceKey, type ResourceSpec } from './resources.ts'

/** The archive of one placement: it has the placement's number, so that no two of a tenant have the same folder. */
export function archiveSpec(
  code: string,
  { environment, number, cell }: Pick<Placement, 'environment' | 'number' | 'cell'>,
): ResourceSpec<'archive'> {
  const folder = archiveFolder(code, environment, number)
  return {
    key: resourceKey(environment, 'archive', number),
    kind: 'archive',
    environment,
    placement: number,
    cell,
    name: folder,
    after: [],
    properties: { folder },
  }
}
