import type { Command } from 'commander'
import { between, byteRate, duration, positive } from './arguments.ts'
import { commandRelocation, relocate, relocationStatus } from './commands/relocate.ts'
import { planRelocation } from './commands/relocation-plan.ts'
import { showRelocationReport } from './commands/relocation-report.ts'
import type { Session } from './session.ts'

/** Hands the arguments of a command to its function, behind the session. */
type To = <A extends unknown[]>(
  act: (session: Session, ...given: A) => Promise<number | void>,
) => (...given: A) => Promise<void>

const commands = [
  ['approve', 'give the word for the cut of a move that waits for it'],
  ['rollback', 'take the tenant back to where it was, with every write made since'],
  ['complete', 'end the move for good: the old placement goes, and there is no way back any more'],
  ['abort', 'give up a move that is under way: the tenant is where it was'],
] as const

/**
 * Gives the command `relocate` what is below it. To begin a move is a command of its own, which is meant where none is named: options of
 * `relocate` itself would be taken from those below it.
 */
export function addRelocate(relocating: Command, to: To): void {
  const waiting = (command: Command) => command.option('--wait', 'follow the operation to its end')
  const whereTo = (command: Command) =>
    command
      .requiredOption('--to <profile>', 'profile of the new placement, as st-dedicated')
      .option('--environment <name>', 'which environment (default: prod)')
      .option('--cell <name>', 'the cell to move to (default: one that has room)')
      .option('--throttle <rate>', 'what the copy may take, as 20MiB/s (default: no limit)', byteRate)
  const begin = relocating.usage('[command] <tenant>').command('begin <tenant>', { isDefault: true })
  waiting(whereTo(begin))
    .description('begin to move a tenant; meant where no command is named')
    .option('--pause-budget-ms <count>', 'how long writers may wait for one try of the cut (default: 500)', positive)
    .option('--soak <time>', 'how long the move can be rolled back, as 90s, 30m or 7d (default: 24h)', duration)
    .option('--approval', 'let the cut wait until somebody approves it')
    .option('--window <from/until>', 'make the cut between these times alone', between)
    .option('--reason <text>', 'for the audit trail')
    .action(to(relocate))
  whereTo(relocating.command('plan <tenant>'))
    .description('what a move would have to do, and what stands in its way; nothing is changed')
    .action(to(planRelocation))
  const below = (name: string, description: string) =>
    relocating.command(`${name} <tenant> [relocation]`).description(description)
  waiting(below('status', 'how a move goes on, or how it ended')).action(to(relocationStatus))
  for (const [name, description] of commands)
    waiting(below(name, description))
      .option('--reason <text>', 'for the audit trail')
      .action(
        to((session, tenant: string, relocation: string | undefined, given: { wait?: true; reason?: string }) =>
          commandRelocation(session, name, tenant, relocation, given),
        ),
      )
  relocating
    .command('report [tenant] [relocation]')
    .description('the signed report of a move: what the cut took, and every table with its rows and hash; verified')
    .option('--file <path>', 'one that was saved, with --output json, instead')
    .option('--keys <path>', 'the keys of the platform as they were saved; no network is needed then')
    .action(to(showRelocationReport))
}
