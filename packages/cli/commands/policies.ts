import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Policy, PolicyRule } from '@freehold/sdk'
import { parseDocument } from 'yaml'
import { CliError, exitCodes } from '../failures.ts'
import { listTable, print, time } from '../output.ts'
import type { Session } from '../session.ts'

/** `policies get`: the rules in force, or those of a version. */
export async function getPolicies({ client, io, format }: Session, { at }: { at?: number }): Promise<void> {
  const policy = await client.getPolicy(at === undefined ? {} : { version: at })
  print(io.stdout, format, policy, () => {
    const since = policy.createdAt === null ? '' : `, by ${policy.actor} at ${time(policy.createdAt)}`
    const head = `version ${policy.version}${since}`
    return policy.rules.length === 0 ? `${head}: no rules` : `${head}\n${rows({ io }, policy)}`
  })
}

type Apply = { file: string; reason?: string; ifVersion?: number }

/** `policies apply`: puts the rules of a file in force. Throws a usage error for a file that holds none. */
export async function applyPolicies(
  { client, io, format }: Session,
  { file, reason, ifVersion }: Apply,
): Promise<void> {
  const rules = readRules(file, io.cwd)
  const ifMatch = ifVersion === undefined ? {} : { ifMatch: ifVersion }
  const answer = await client.applyPolicy(rules, { reason, ...ifMatch })
  const { policy, changed } = answer
  print(io.stdout, format, answer, () =>
    changed
      ? `version ${policy.version} is in force, with ${policy.rules.length} rules`
      : `unchanged: version ${policy.version} is in force and says the same`,
  )
}

/** The list below `rules` of a file in YAML or JSON; what `policies get --output yaml` writes is one. */
function readRules(file: string, cwd: string): PolicyRule[] {
  const text = file === '-' ? readFileSync(0, 'utf8') : read(file, cwd)
  const document = parseDocument(text)
  const [fault] = document.errors
  if (fault !== undefined) throw unusable(`${file}: ${fault.message}`)
  const content: unknown = document.toJS({ maxAliasCount: 20 })
  const rules = typeof content === 'object' && content !== null && 'rules' in content ? content.rules : undefined
  if (!Array.isArray(rules)) throw unusable(`${file} holds no list \`rules\``)
  // What a rule may say is for the API to check.
  return rules as PolicyRule[]
}

function read(file: string, cwd: string): string {
  try {
    return readFileSync(resolve(cwd, file), 'utf8')
  } catch {
    throw unusable(`${file} cannot be read`)
  }
}

function unusable(message: string): CliError {
  return new CliError(exitCodes.usage, message, {
    next: 'a file of rules begins with `rules:`, as examples/policies.yaml does; freehold policies get --output yaml writes one',
  })
}

function rows({ io }: Pick<Session, 'io'>, { rules }: Policy): string {
  const cells = rules.map(({ name, kind, applies = {}, ...rest }) => {
    const { remedy: _, ...parameters } = rest
    return [name, kind, applies.commands?.join(', ') ?? '(default)', JSON.stringify(parameters)]
  })
  return listTable(io.stdout, ['rule', 'kind', 'commands', 'says'], cells)
}
