import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { ManifestText } from '@freehold/sdk'
import { parseDocument } from 'yaml'
import { CliError, exitCodes } from './failures.ts'

/** One manifest of a file, padded with empty lines so that the API counts lines as the file does. */
export type ManifestDocument = ManifestText & { file: string; line: number; slug: string | undefined }

/**
 * The manifests of a file, of all *.yaml, *.yml and *.json of a folder in the order of their names, or of standard
 * input for `-`. Throws a usage error for what cannot be read or holds no manifest.
 */
export function readManifests(target: string, cwd: string): ManifestDocument[] {
  const documents = filesOf(target, cwd).flatMap((file) => splitDocuments(file, read(file, cwd)))
  if (documents.length === 0)
    throw new CliError(exitCodes.usage, `${target} holds no manifest`, {
      next: 'a manifest begins with apiVersion: freehold.dev/v1alpha1, in a .yaml, .yml or .json file',
    })
  return documents
}

function filesOf(target: string, cwd: string): string[] {
  if (target === '-') return [target]
  const path = resolve(cwd, target)
  if (!reading(target, () => statSync(path)).isDirectory()) return [target]
  const names = reading(target, () => readdirSync(path)).filter((name) => /\.(ya?ml|json)$/.test(name))
  return names.toSorted().map((name) => join(target, name))
}

function read(file: string, cwd: string): string {
  const bytes = reading(file, () => readFileSync(file === '-' ? 0 : resolve(cwd, file)))
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new CliError(exitCodes.usage, `${file} is not UTF-8 text`, { next: 'save it as UTF-8' })
  }
}

function reading<T>(file: string, act: () => T): T {
  try {
    return act()
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replace(/, \w+( '.*')?$/, '') : String(cause)
    throw new CliError(exitCodes.usage, `cannot read ${file}: ${why}`, { next: 'check the path behind -f' })
  }
}

/**
 * Splits YAML text at its document markers, which the format reserves at the start of a line wherever they stand, so
 * a document that does not parse keeps its place too and the API can say what is wrong with it. JSON is one document.
 */
export function splitDocuments(file: string, text: string): ManifestDocument[] {
  if (file.endsWith('.json')) return hasContent(text.split('\n')) ? [document(file, 0, text, 'application/json')] : []
  const lines = text.split('\n')
  const starts = [0, ...lines.flatMap((line, at) => (startsDocument(lines, at, line) ? [at] : []))]
  return starts.flatMap((start, at) => {
    const part = lines.slice(start, starts[at + 1])
    return hasContent(part) ? [document(file, start, part.join('\n'), 'application/yaml')] : []
  })
}

/** Throws a usage error with the place, where the parser tells it, for JSON that does not parse: the API tells none. */
export function checkJson({ type, text }: ManifestDocument): void {
  if (type !== 'application/json') return
  try {
    JSON.parse(text)
  } catch (cause) {
    // What it quotes of the text is left out, as the API does: it may hold personal data.
    const said = (cause instanceof Error ? cause.message : String(cause)).replace(/, (?:\.\.\.)?".*$/s, '')
    const [, message = said, at] = /^(.*?)(?: in JSON)? at position (\d+)/.exec(said) ?? []
    const before = at === undefined ? undefined : text.slice(0, Number(at)).split('\n')
    const place = before === undefined ? {} : { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
    throw new CliError(exitCodes.usage, 'it is not well-formed JSON', {
      details: [{ message, ...place }],
      next: 'correct the file and apply it again; nothing was changed',
    })
  }
}

const marker = /^---(?=\s|$)/
const documentEnd = /^\.\.\.(?=\s|$)/

/** A `---` begins one, unless only directives stand before it; what follows a `...` does too. */
function startsDocument(lines: readonly string[], at: number, line: string): boolean {
  if (documentEnd.test(lines[at - 1] ?? '')) return true
  if (!marker.test(line)) return false
  const before = lines.slice(0, at).findLast((earlier) => earlier.trim() !== '' && !/^\s*#/.test(earlier))
  return before !== undefined && !before.startsWith('%')
}

function hasContent(lines: readonly string[]): boolean {
  return lines.some(
    (line) =>
      !/^(%.*|\.\.\.)?$/.test(
        line
          .replace(marker, '')
          .replace(/(^|\s)#.*$/, '')
          .trim(),
      ),
  )
}

function document(file: string, start: number, text: string, type: ManifestText['type']): ManifestDocument {
  return { file, line: start + 1, type, text: '\n'.repeat(start) + text, slug: slugOf(text) }
}

/** Only a slug of good form may become part of a path; whatever else it is, the API explains. */
function slugOf(text: string): string | undefined {
  const parsed = parseDocument(text, { logLevel: 'silent' })
  const slug: unknown = parsed.errors.length > 0 ? undefined : parsed.getIn(['metadata', 'slug'])
  return typeof slug === 'string' && /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(slug) ? slug : undefined
}
