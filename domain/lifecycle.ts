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
 * One command of the lifecycle. `through` is what the tenant is called meanwhile (`keeps` = its state does not change),
 * `available` says whether this release can carry it out, `cannotFinish` is what the caller finds when it does not end.
 */
type Transition = {
  readonly from: readonly TenantState[]
  readonly through: TenantState | 'keeps'
  readonly to: TenantState | 'keeps' | 'before'
  readonly cannotFinish: 'compensates' | 'goes-forward'
  readonly failsTo: TenantState | 'keeps' | 'before'
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
    available: true,
  },
  'rotate-credentials': {
    from: ['active', 'suspended'],
    through: 'keeps',
    to: 'keeps',
    cannotFinish: 'goes-forward',
    failsTo: 'keeps',
    available: true,
  },
  update: {
    from: ['active', 'suspended'],
    through: 'keeps',
    to: 'keeps',
    cannotFinish: 'compensates',
    failsTo: 'keeps',
    available: false,
  },
  suspend: {
    from: ['active', 'failed'],
    through: 'suspending',
    to: 'suspended',
    cannotFinish: 'goes-forward',
    failsTo: 'suspending',
    available: false,
  },
  resume: {
    from: ['suspended'],
    through: 'resuming',
    to: 'active',
    cannotFinish: 'compensates',
    failsTo: 'suspended',
    available: false,
  },
  archive: {
    from: ['active', 'suspended'],
    through: 'archiving',
    to: 'archived',
    cannotFinish: 'compensates',
    failsTo: 'before',
    available: false,
  },
  restore: {
    from: ['archived'],
    through: 'restoring',
    to: 'before',
    cannotFinish: 'compensates',
    failsTo: 'archived',
    available: false,
  },
  delete: {
    from: ['failed', 'active', 'suspended', 'archived'],
    through: 'deleting',
    to: 'soft-deleted',
    cannotFinish: 'goes-forward',
    failsTo: 'deleting',
    available: false,
  },
  undelete: {
    from: ['soft-deleted'],
    through: 'restoring',
    to: 'before',
    cannotFinish: 'compensates',
    failsTo: 'soft-deleted',
    available: false,
  },
  purge: {
    from: ['failed', 'soft-deleted'],
    through: 'purging',
    to: 'purged',
    cannotFinish: 'goes-forward',
    failsTo: 'purging',
    available: true,
  },
  relocate: {
    from: ['active', 'suspended'],
    through: 'keeps',
    to: 'keeps',
    cannotFinish: 'compensates',
    failsTo: 'keeps',
    available: false,
  },
} as const satisfies Record<string, Transition>

export type Command = keyof typeof lifecycle
export type AvailableCommand = { [C in Command]: (typeof lifecycle)[C]['available'] extends true ? C : never }[Command]

/** The commands that a tenant in this state can be given now. */
export function allowedCommands(state: TenantState): Command[] {
  return (Object.keys(lifecycle) as Command[]).filter(
    (command) => lifecycle[command].available && (lifecycle[command].from as readonly TenantState[]).includes(state),
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
