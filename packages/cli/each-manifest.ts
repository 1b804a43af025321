import { isRefusal, toCliError } from './causes.ts'
import { CliError, exitCodes, reportError } from './failures.ts'
import { checkJson, readManifests, type ManifestDocument } from './manifest-files.ts'
import type { Session } from './session.ts'

/**
 * Asks something of the API for every manifest of the files, in order. One that is refused is reported and the others are still
 * asked for, but nothing more is sent once the API is out of reach. Gives the answers and the exit codes of what was reported.
 * Throws a usage error for two of one tenant, of which the last would win.
 */
export async function eachManifest<T>(
  { io }: Session,
  files: readonly string[],
  ask: (document: ManifestDocument) => Promise<T>,
): Promise<{ answers: T[]; codes: number[] }> {
  const documents = files.flatMap((target) => readManifests(target, io.cwd))
  refuseTwins(documents)
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

function refuseTwins(documents: readonly ManifestDocument[]): void {
  const known = new Map<string, string>()
  for (const { slug, file, line } of documents) {
    if (slug === undefined) continue
    const place = `${file}:${line}`
    const other = known.get(slug)
    if (other !== undefined)
      throw new CliError(exitCodes.usage, `${slug} is in ${other} and in ${place}`, {
        next: 'leave one of them; nothing was sent',
      })
    known.set(slug, place)
  }
}
