import type { OperationKind } from '../../domain/operation.ts'
import { archive } from './archive.ts'
import { complete } from './complete.ts'
import { deleteTenant } from './delete.ts'
import type { Kind } from './kind.ts'
import { provision } from './provision.ts'
import { purge } from './purge.ts'
import { relocate } from './relocate.ts'
import { restore } from './restore.ts'
import { resume } from './resume.ts'
import { rollback } from './rollback.ts'
import { rotateCredentials } from './rotate-credentials.ts'
import { suspend } from './suspend.ts'
import { undelete } from './undelete.ts'
import { update } from './update.ts'

/** Every kind of operation that the lifecycle table says is available; the compiler notices one too many or too few. */
export const kinds = {
  provision,
  purge,
  'rotate-credentials': rotateCredentials,
  suspend,
  resume,
  delete: deleteTenant,
  undelete,
  update,
  archive,
  restore,
  relocate,
  rollback,
  complete,
} satisfies Record<OperationKind, Kind>

/** The particulars of a kind. */
export function kindOf(kind: OperationKind): Kind {
  return kinds[kind]
}
