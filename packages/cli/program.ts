import { createClient, transitions, type Client } from '@freehold/sdk'
import { Command, Option } from 'commander'
import { collect, positive, seconds, whole } from './arguments.ts'
import { apply } from './commands/apply.ts'
import { exportAudit, listAudit, verifyTrail } from './commands/audit.ts'
import { showCertificate } from './commands/certificate.ts'
import { diff, exportManifest, preview } from './commands/compare.ts'
import { connect } from './commands/connect.ts'
import { describeTenant } from './commands/describe.ts'
import { liftHold, setHold } from './commands/hold.ts'
import { listOperations, transition, watch } from './commands/operations.ts'
import { rotateMasterKey } from './commands/master-key.ts'
import { applyPolicies, getPolicies } from './commands/policies.ts'
import { getTenant, listTenants, tenantContext, tenantEvents } from './commands/tenants.ts'
import { exitCodesHelp, usageLine } from './failures.ts'
import type { Io } from './io.ts'
import { formats, type Format } from './output.ts'
import { addRelocate } from './relocate-command.ts'
import { deleteSecret, listSecrets, putSecret } from './commands/secrets.ts'
import type { Session } from './session.ts'
import { apiKey, apiUrl, settingsHelp } from './settings.ts'

/** The command tree. `done` is told the exit code of an action that did not throw. */
export function buildProgram(io: Io, done: (exitCode: number) => void): Command {
  const program = new Command('freehold')
    .description('Command line client of the Freehold API')
    .version(io.version)
    .addOption(new Option('-o, --output <format>', 'how to answer').choices(formats).default('table'))
    .option('--timeout <seconds>', 'how long --wait, watch and --rotate follow an operation', seconds, 600)
    .addHelpText('after', settingsHelp + exitCodesHelp)
    .showSuggestionAfterError()
    .showHelpAfterError('next: freehold --help, or --help behind the command')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(`${text}${usageLine}`),
    })

  const onPause = ({ status, pauseMs }: { status: number; pauseMs: number }) =>
    io.stderr.write(`the API is busy (${status}); trying again in ${Math.ceil(pauseMs / 1000)} s\n`)
  const session = (): Session => {
    const { output, timeout } = program.opts<{ output: Format; timeout: number }>()
    let client: Client | undefined
    return {
      // When it is asked for: what needs no API needs no key either.
      get client() {
        return (client ??= createClient({ url: apiUrl(io), apiKey: apiKey(io), onPause }))
      },
      io,
      format: output,
      timeoutMs: timeout * 1000,
    }
  }
  /** Hands the arguments of a command to its function, behind the session. */
  const to =
    <A extends unknown[]>(act: (session: Session, ...given: A) => Promise<number | void>) =>
    async (...given: A) =>
      done((await act(session(), ...given)) ?? 0)
  const command = (usage: string, description: string) => program.command(usage).description(description)
  const change = (usage: string, description: string) =>
    command(usage, description)
      .option('--wait', 'follow the operation to its end')
      .option('--reason <text>', 'for the audit trail')

  command('apply', 'apply manifests: what is new is provisioned, what differs is updated, what is in force stays')
    .requiredOption('-f, --file <path>', 'file, folder (*.yaml, *.yml, *.json) or - (repeatable)', collect)
    .option('--wait', 'follow the operations to their end')
    .action(to(apply))
  command('preview', 'what applying manifests would do; nothing is changed')
    .requiredOption('-f, --file <path>', 'file, folder (*.yaml, *.yml, *.json) or - (repeatable)', collect)
    .action(to(preview))
  command('diff <tenant>', 'where what is there differs from what the manifest in force asks for').action(to(diff))
  command('export <tenant>', 'the manifest in force, as it can be applied')
    .option('-f, --file <path>', 'into this file (default: standard output)')
    .action(to(exportManifest))
  command('get <tenant>', 'one tenant, by slug or id; --output yaml shows its manifest').action(to(getTenant))
  command('list', 'tenants')
    .option('--state <state>', 'only in this state')
    .option('--profile <profile>', 'only of this profile')
    .option('--label <key=value>', 'only with this label (repeatable)', collect)
    .option('--limit <count>', 'at most so many (default: all)', positive)
    .action(to(listTenants))
  command('describe <tenant>', 'a tenant with its environments, resources and newest operation').action(
    to(describeTenant),
  )
  command('context <tenant>', 'the context that downstream services consume')
    .option('--environment <name>', 'which environment (default: prod)')
    .action(to(tenantContext))
  command(
    'connect <tenant> [command...]',
    'print the database URL, or run the command after -- with it in PGHOST, … DATABASE_URL',
  )
    .showHelpAfterError('next: a command with options goes behind --, as in freehold connect acme -- psql -c ...')
    .option('--environment <name>', 'which environment (default: prod)')
    .option('--bus', 'the topic instead: its connection string, or SERVICE_BUS_…, TENANT_ID for the command')
    .option('--rotate', 'have a new password and a new key of the topic made first')
    .action(to(connect))
  command('events <tenant>', 'the audit trail, oldest first')
    .option('--after <seq>', 'only behind this one', whole)
    .option('--limit <count>', 'at most so many (default: 100)', positive)
    .action(to(tenantEvents))
  command('operations [tenant]', 'operations of one tenant or of all')
    .option('--state <state>', 'only in this state')
    .option('--limit <count>', 'at most so many (default: 50)', positive)
    .action(to(listOperations))
  command('watch <operation-or-tenant>', 'follow an operation, or the newest of a tenant').action(to(watch))
  const policies = command('policies', 'the rules that every command is judged by: `get` shows, `apply` replaces them')
  policies
    .command('get')
    .description('the rules in force')
    .option('--at <version>', 'those of an earlier version', whole)
    .action(to(getPolicies))
  policies
    .command('apply')
    .description('put the rules of a file in force instead of those that are')
    .requiredOption('-f, --file <path>', 'file (YAML or JSON) or -')
    .option('--if-version <version>', 'only if this version is in force', whole)
    .option('--reason <text>', 'for the audit trail')
    .action(to(applyPolicies))
  const secrets = command('secrets', 'secrets of the platform, which manifests refer to by name; never shown')
  secrets.command('list').description('names, versions, and who uses them').action(to(listSecrets))
  secrets
    .command('put <name>')
    .description('store a secret, or its next version, from a file or from standard input')
    .option('--file <path>', 'file, or - for standard input; one line end at the end is left out', '-')
    .option('--reason <text>', 'for the audit trail')
    .action(to(putSecret))
  secrets
    .command('delete <name>')
    .description('delete a secret that no environment lives by')
    .option('--reason <text>', 'for the audit trail')
    .action(to(deleteSecret))
  command('certificate [tenant]', 'the signed certificate of a deletion, by the id of the tenant; verified')
    .option('--file <path>', 'one that was saved, with --output json, instead')
    .option('--keys <path>', 'the keys of the platform as they were saved; no network is needed then')
    .action(to(showCertificate))
  const audit = command('audit', 'the trail of everything that was changed: `list`, `export`, `verify`')
  audit
    .command('list [tenant]')
    .description('events of one tenant, or of all and of the platform, oldest first')
    .option('--type <type>', 'only of this type, as TENANCY_STATE_CHANGED')
    .option('--actor <actor>', 'only by this one, as key:admin')
    .option('--operation <id>', 'only of this operation')
    .option('--correlation <id>', 'only of the request with this correlation id')
    .option('--from <time>', 'not before this time, as 2026-11-20T14:00:00Z')
    .option('--to <time>', 'before this time')
    .option('--limit <count>', 'at most so many (default: 100)', positive)
    .action(to(listAudit))
  audit
    .command('export [tenant]')
    .description('the trail with checkpoints and keys, a record a line; to be verified anywhere')
    .option('-f, --file <path>', 'into this file (default: standard output)')
    .action(to(exportAudit))
  audit
    .command('verify [tenant]')
    .description('verify everything, one tenant, or a file that was exported')
    .option('--file <path>', 'a file that `audit export` wrote; no network is needed')
    .option('--keys <path>', 'the keys of the platform as they were saved, instead of those it has now')
    .action(to(verifyTrail))
  command(
    'rotate-master-key <tenant>',
    'a new master key for a tenant that has one of its own; the old one is destroyed',
  )
    .option('--reason <text>', 'for the audit trail')
    .action(to(rotateMasterKey))
  const holds = command('hold', 'legal holds: a tenant that is under one is neither deleted nor purged')
  holds
    .command('set <tenant>')
    .description('put a tenant under legal hold')
    .requiredOption('--reason <text>', 'why; for the audit trail, and for who meets it')
    .action(to(setHold))
  holds
    .command('lift <tenant>')
    .description('lift the legal hold of a tenant')
    .option('--reason <text>', 'for the audit trail')
    .action(to(liftHold))
  addRelocate(command('relocate <tenant>', 'move a tenant to another placement while it is written to'), to)
  for (const plain of transitions) {
    const described = change(
      `${plain.command} <tenant>`,
      plain.summary.charAt(0).toLowerCase() + plain.summary.slice(1),
    )
    if (plain.confirm) described.option('--confirm <slug>', 'the slug again, because it cannot be undone')
    if (plain.cell) described.option('--cell <name>', 'the cell to live in (default: one that has room)')
    described.action(
      to((given, tenant: string, options: { wait?: true; reason?: string; confirm?: string; cell?: string }) =>
        transition(given, plain, tenant, options),
      ),
    )
  }
  return program
}
