import { createHash } from 'node:crypto'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import type { InventoryOf } from '../../domain/archive.ts'
import { FreeholdError } from '../../domain/errors.ts'
import type { JsonObject } from '../../domain/json.ts'
import { isPlacementSecret } from '../../domain/names.ts'
import type { ArchiveReader, ArchiveWriter } from '../archives/parts.ts'
import type { Target } from '../mapper.ts'

type SecretsTarget = Target<'secrets'>
type SecretsInventory = InventoryOf<'secrets'>

const line = z.strictObject({ name: z.string(), value: z.string() })

/** Writes the secrets of an environment to an archive, but for the passwords of one placement, which go with it. */
export async function exportSecrets(target: SecretsTarget, to: ArchiveWriter): Promise<SecretsInventory> {
  const names = (await target.secrets.list(target.spec.name)).filter((name) => !isPlacementSecret(name))
  const part = await to.put('secrets', linesOf(target, names))
  return { kind: 'secrets', names, part }
}

/** Brings them back, each as it was; what else is there stays. */
export async function importSecrets(
  target: SecretsTarget,
  from: ArchiveReader,
  { names, part }: SecretsInventory,
): Promise<JsonObject> {
  // All of them before the first is written: a part that is damaged changes nothing.
  const lines = (await from.read(part, text)).split('\n').slice(0, -1)
  for (const { name, value } of lines.map((one) => line.parse(JSON.parse(one)))) {
    if (!name.startsWith(target.spec.name))
      throw new FreeholdError('archive_damaged', `the archive has a secret that is not below ${target.spec.name}`)
    if ((await target.secrets.readOrCreate(name, () => value)) !== value) await target.secrets.replace(name, value)
    target.signal.throwIfAborted()
  }
  return { secrets: names.length }
}

/** Compares them by the hash of all, so that no inventory has to say anything of one. */
export async function compareSecrets(target: SecretsTarget, { names, part }: SecretsInventory): Promise<void> {
  const hash = createHash('sha256')
  for await (const chunk of linesOf(target, names)) hash.update(chunk)
  if (hash.digest('hex') !== part.sha256)
    throw new FreeholdError('restore_differs', `the secrets below ${target.spec.name} are not what was archived`)
}

async function* linesOf({ secrets, spec }: SecretsTarget, names: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const name of names) {
    const value = await secrets.read(name)
    if (value === undefined)
      throw new FreeholdError('restore_differs', `the secret ${name} below ${spec.name} is not there any more`)
    yield Buffer.from(`${JSON.stringify({ name, value })}\n`)
  }
}
