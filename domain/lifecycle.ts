import { FreeholdError } from './errors.ts'

export const tenantStates = [
  'provisioning',
  'active',
  'suspending',
  'suspended',
  'resuming',
  'archiving',
  'archived',
  'restoring',
  'deleting',
  'soft-deleted',
  'purging',
  'purged',
  'failed',
] as const
export type TenantState = (typeof tenantStates)[number]

/**
 * One command of the lifecycle. `through` is the state of the tenant meanwhile (`keeps`: it does not change). In `failsTo`,
 * `before` is the state that the operation found; in `to`, the state that delete put aside. An `exclusive` one holds the
 * tenant alone; one that is not is accepted beside whatever holds it. `urgency` puts its work before (1) or behind (5) that of others. `available`: this release can do it.
 */
type Transition = {
  readonly from: readonly TenantState[]
  readonly through: TenantState | 'keeps'
  readonly to: TenantState | 'keeps' | 'before'
  readonly cannotFinish: 'compensates' | 'goes-forward'
  readonly failsTo: TenantState | 'keeps' | 'before'
  readonly exclusive: boolean
  readonly urgency: 1 | 2 | 3 | 4 | 5
  readonly available: boolean
}

/** The published transition table: API, docs and tests read it, nobody repeats it. */
export const lifecycle = {
  provision: {
    from: ['provisioning', 'failed'],
    through: 'provisioning',
    to: 'active',
    cannotFinish: 'compensates',
    failsTo: 'failed',
    exclusive: true,
    urgency: 3,
    available: true,
  },
  'rotate-credentials': {
    from: ['active', 'suspended'],
    through: 'keeps',
    to: 'keeps',
    cannotFinish: 'goes-forward',
    failsTo: 'keeps',
    exclusive: true,
    urgency: 2,
    available: true,
  },
  update: {
    from: ['active', 'suspended'],
    through: 'keeps',
    to: 'keeps',
    cannotFinish: 'compensates',
    failsTo: 'keeps',
    exclusive: true,
    urgency: 3,
    available: true,
  },
  suspend: {
    from: ['active'],
    through: 'suspending',
    to: 'suspended',
    cannotFinish: 'goes-forward',
    failsTo: 'suspending',
    exclusive: false,
    urgency: 1,
    available: true,
  },
  resume: {
    from: ['suspended'],
    through: 'resuming',
    to: 'active',
    cannotFinish: 'compensates',
    failsTo: 'suspended',
    exclusive: true,
    urgency: 2,
    available: true,
  },
  archive: {
    from: ['active', 'suspended'],
    through: 'archiving',
    to: 'archived',
    cannotFinish: 'compensates',
    failsTo: 'before',
    exclusive: true,
    urgency: 4,
    available: true,
  },
  restore: {
    from: ['archived'],
    through: 'restoring',
    to: 'active',
    cannotFinish: 'compensates',
    failsTo: 'archived',
    exclusive: true,
    urgency: 3,
    available: true,
  },
  delete: {
    from: ['failed', 'active', 'suspended', 'archived'],
    through: 'deleting',
    to: 'soft-deleted',
    cannotFinish: 'goes-forward',
    failsTo: 'deleting',
    exclusive: true,
    urgency: 3,
    available: true,
  },
  undelete: {
    from: ['soft-deleted'],
    through: 'restoring',
    to: 'before',
    cannotFinish: 'compensates',
    failsTo: 'soft-deleted',
    exclusive: true,
    urgency: 3,
    available: true,
  },
  purge: {
    from: ['failed', 'soft-deleted'],
    through: 'purging',
    to: 'purged',
    cannotFinish: 'goes-forward',
    failsTo: 'purging',
    exclusive: true,
    urgency: 4,
    available: true,
  },
  relocate: {
    from: ['active', 'suspended'],
    through: 'keeps',
    to: 'keeps',
    cannotFinish: 'compensates',
    failsTo: 'keeps',
    exclusive: true,
    urgency: 2,
    available: true,
  },
  rollback: {
    from: ['active', 'suspended'],
    through: 'keeps',
    to: 'keeps',
    cannotFinish: 'goes-forward',
    failsTo: 'keeps',
    exclusive: true,
    urgency: 1,
    available: true,
  },
  complete: {
    from: ['active', 'suspended'],
    through: 'keeps',
    to: 'keeps',
    cannotFinish: 'goes-forward',
    failsTo: 'keeps',
    exclusive: true,
    urgency: 4,
    available: true,
  },
} as const satisfies Record<string, Transition>

export type Command = keyof typeof lifecycle
export type AvailableCommand = { [C in Command]: (typeof lifecycle)[C]['available'] extends true ? C : never }[Command]

/** Commands to a move that is there already; which of them is possible, the move says. */
const ofMoves: readonly Command[] = ['rollback', 'complete']

/** The commands that a tenant in this state can be given now; those to a move of it are not listed. */
export function allowedCommands(state: TenantState): Command[] {
  return (Object.keys(lifecycle) as Command[]).filter(
    (command) =>
      lifecycle[command].available &&
      !ofMoves.includes(command) &&
      (lifecycle[command].from as readonly TenantState[]).includes(state),
  )
}

/** Whether a command can be given while a move may still be undone: what opens and closes, and what ends the move. */
export function runsWhileSoaking(command: Command): boolean {
  return ofMoves.includes(command) || command === 'suspend' || command === 'resume'
}

/** Whether a command is on the way to the end of a tenant. */
export function endsTenant(command: Command): boolean {
  return command === 'delete' || command === 'purge'
}

/** Whether a command is accepted beside an open operation of another command, unless that one ends the tenant anyway. */
export function runsBeside(command: Command, open: Command): boolean {
  return !lifecycle[command].exclusive && command !== open && !endsTenant(open)
}

/** The commands that can be given while an operation is open. */
export function commandsBeside(open: Command): Command[] {
  return (Object.keys(lifecycle) as Command[]).filter(
    (command) => lifecycle[command].available && runsBeside(command, open),
  )
}

/** Throws `transition_not_allowed`, with the commands that are allowed, unless the table lets `command` start from `state`. */
export function assertTransition(command: Command, state: TenantState): void {
  if ((lifecycle[command].from as readonly TenantState[]).includes(state)) return
  const allowed = allowedCommands(state)
  throw new FreeholdError(
    'transition_not_allowed',
    `${command} is not possible while the tenant is ${state}; possible now: ${allowed.join(', ') || 'nothing'}`,
    { facts: { state, allowed } },
  )
}

/**
 * Whether an operation of this command can be aborted: what rolls back; and what goes forward and leaves the state of its
 * tenant alone, which can be given up between two of its steps, for nothing is left half-way.
 */
export function isAbortable(command: Command): boolean {
  const { cannotFinish, through } = lifecycle[command]
  return cannotFinish === 'compensates' || (through === 'keeps' && !ofMoves.includes(command))
}

/**
 * State of a tenant while an operation of this command is carried out. A command that is not exclusive leaves the state to the
 * operation beside it, if that has changed it.
 */
export function stateDuring(command: Command, state: TenantState): TenantState {
  const { through, exclusive, from } = lifecycle[command]
  const isFree = exclusive || (from as readonly TenantState[]).includes(state)
  return through === 'keeps' || !isFree ? state : through
}

/** What is known of a tenant when an operation ends. */
export type StateFacts = {
  readonly state: TenantState
  /** State the operation found. */
  readonly found: TenantState
  /** State that delete put aside, for undelete. */
  readonly putAside: TenantState | null
  readonly suspended: boolean
}

/**
 * State of a tenant once an operation ended this way; one that is not exclusive ends only what it began. The
 * latch of suspend holds: what would be active is suspended.
 */
export function stateAfter(command: Command, outcome: 'succeeded' | 'failed', facts: StateFacts): TenantState {
  const { to, failsTo, through, exclusive } = lifecycle[command]
  if (!exclusive && through !== facts.state) return facts.state
  const reached: Transition['to'] = outcome === 'succeeded' ? to : failsTo
  const before = outcome === 'succeeded' ? (facts.putAside ?? facts.found) : facts.found
  const state = reached === 'keeps' ? facts.state : reached === 'before' ? before : reached
  return state === 'active' && facts.suspended ? 'suspended' : state
}
