import { isGenuine, type Client, type Signed } from '@freehold/sdk'
import { CliError, exitCodes } from './failures.ts'
import { readJson } from './json-file.ts'
import type { Session } from './session.ts'

type Keys = Awaited<ReturnType<Client['signingKeys']>>

/** `file`: a document that was saved; `keys`: those of the platform as they were saved. */
export type SavedOptions = { file?: string; keys?: string }

/**
 * What the platform has signed, once its signature is verified: what the API gave or, where that is undefined, what is in the file.
 * Keys of a file, if they are given, need no network. Throws CliError with exit code 1 for what does not verify.
 * @param what in the words of the user, such as `certificate`
 */
export async function genuine(
  session: Session,
  what: string,
  given: Signed | undefined,
  { file = '', keys }: SavedOptions,
): Promise<Signed> {
  const document = given ?? (readJson(file, session.io.cwd) as Signed)
  const known =
    keys === undefined ? await session.client.signingKeys() : (readJson(keys, session.io.cwd) as { keys: Keys }).keys
  if (isGenuine(document, known)) return document
  throw new CliError(
    exitCodes.operationFailed,
    `the ${what} is NOT GENUINE: its signature is of no key of the platform`,
    {
      code: 'signature_invalid',
      next: `ask the platform for the ${what} again, and compare the keys with those that you know to be its own`,
    },
  )
}
