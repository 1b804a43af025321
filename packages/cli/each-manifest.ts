import { isRefusal, toCliError } from './causes.ts'
import { reportError } from './failures.ts'
import { checkJson, readManifests, type ManifestDocument } from './manifest-files.ts'
import type { Session } from './session.ts'

/**
 * Asks something of the API for every manifest of the files, in order. One that is refused is reported and the others are still
 * asked for, but nothing more is sent once the API is out of reach. Gives the answers and the exit codes of what was reported.
 */
export async function eachManifest<T>(
  { io }: Session,
  files: readonly string[],
  ask: (document: ManifestDocument) => Promise<T>,
): Promise<{ answers: T[]; codes: number[] }> {
  const documents = files.flatMap((target) => readManifests(target, io.cwd))
  const [answers, codes]: [T[], number[]] = [[], []]
  for (const document of documents) {
    try {
      checkJson(document)
      answers.push(await ask(document))
    } catch (error) {
      codes.push(reportError(toCliError(error, io), io.stderr, document.file))
      if (!isRefusal(error)) break
    }
  }
  return { answers, codes }
}
