import { lifecycle, runsBeside, type TenantState } from '../../../domain/lifecycle.ts'

/** What a manifest of the model says. */
export type Wish = { readonly plan: 'free' | 'pro'; readonly staging: boolean; readonly isProtected: boolean }

const kinds = ['suspend', 'resume', 'archive', 'restore', 'delete', 'undelete', 'purge', 'rotate-credentials'] as const
type Plain = (typeof kinds)[number]

/** A command as somebody gives it. */
export type Command =
  | { readonly name: 'apply'; readonly wish: Wish }
  | { readonly name: 'purge'; readonly isConfirmed: boolean }
  | { readonly name: 'hold' | 'lift' | Exclude<Plain, 'purge'> }

type Base = 'active' | 'archived' | 'soft-deleted' | 'purged'
type Open = { readonly kind: Plain | 'provision' | 'update' }

/**
 * What a tenant should be, in the fewest words that tell the commands apart: `base` is its state but for the latch of suspend,
 * and `putAside` what it was when it was deleted. `placed`: number of the placement of each environment that it has, and `newest` of each that it ever had; `archives`: of each
 * environment that is in cold storage, too.
 */
export type Model = {
  readonly base: Base
  readonly putAside: Base
  readonly latch: boolean
  readonly held: boolean
  readonly wish: Wish
  readonly generation: number
  readonly observed: number
  readonly placed: Readonly<Record<string, number>>
  readonly newest: Readonly<Record<string, number>>
  readonly archives: Readonly<Record<string, number>>
  readonly open: readonly Open[]
}

/** No tenant of the slug: none yet, or one that was purged. */
export const nobody: Model = {
  base: 'purged',
  putAside: 'active',
  latch: false,
  held: false,
  wish: { plan: 'free', staging: false, isProtected: false },
  generation: 0,
  observed: 0,
  placed: {},
  newest: {},
  archives: {},
  open: [],
}

type Asked = { readonly answer: string; readonly model: Model }
const notAllowed = '409 transition_not_allowed'

/** State that the tenant shows once nothing is open. */
export function stateOf({ base, latch }: Model): TenantState {
  return base === 'active' && latch ? 'suspended' : base
}

export const environmentsOf = ({ staging }: Wish): string[] => (staging ? ['prod', 'staging'] : ['prod'])

/** What a command is answered, and what the tenant is then. */
function ask(model: Model, command: Command): Asked {
  const refused = (answer: string): Asked => ({ answer, model })
  if (command.name === 'apply') return apply(model, command.wish)
  if (model.base === 'purged') return refused('404 tenant_not_found')
  if (command.name === 'hold') return { answer: '200', model: { ...model, held: true } }
  if (command.name === 'lift')
    return model.held ? { answer: '200', model: { ...model, held: false } } : refused('404 not_found')
  if (command.name === 'purge' && !command.isConfirmed) return refused('422 confirmation_mismatch')
  const { name } = command
  // Nobody has credentials where nobody lives.
  if (name === 'rotate-credentials' && model.placed['prod'] === undefined) return refused('404 environment_not_found')
  const objection = objectionTo(model, name)
  if (objection !== undefined) return refused(objection)
  const latch = name === 'suspend' ? true : name === 'resume' ? false : model.latch
  const next = name === 'restore' ? withPlaces(model, model.wish) : model
  return { answer: '202', model: { ...next, latch, open: [...model.open, { kind: name }] } }
}

/** A manifest: that of a new tenant, the one that was accepted last, or another one. */
function apply(model: Model, wish: Wish): Asked {
  const isNew = model.base === 'purged'
  if (!isNew && JSON.stringify(wish) === JSON.stringify(model.wish)) return { answer: '200', model }
  const objection = isNew ? undefined : objectionTo(model, 'update')
  if (objection !== undefined) return { answer: objection, model }
  const isLost = (name: string) => !environmentsOf(wish).includes(name)
  if (!isNew && model.held && Object.keys(model.placed).some(isLost)) return { answer: '409 legal_hold', model }
  const kind = isNew ? ('provision' as const) : ('update' as const)
  const next = withPlaces(isNew ? { ...nobody, base: 'active' as const } : model, wish)
  return {
    answer: '202',
    model: { ...next, wish, generation: next.generation + 1, open: [...next.open, { kind }] },
  }
}

/** With a placement for each environment that has none, under a number that it never had. */
function withPlaces(model: Model, wish: Wish): Model {
  const added = environmentsOf(wish).filter((name) => model.placed[name] === undefined)
  const numbers = Object.fromEntries(added.map((name) => [name, (model.newest[name] ?? 0) + 1]))
  return { ...model, placed: { ...model.placed, ...numbers }, newest: { ...model.newest, ...numbers } }
}

function objectionTo(model: Model, kind: Open['kind']): string | undefined {
  if (model.open.some((one) => !runsBeside(kind, one.kind))) return '409 operation_in_progress'
  const from: readonly TenantState[] = lifecycle[kind].from
  if (model.open.length === 0 && !from.includes(stateOf(model))) return notAllowed
  if ((kind === 'delete' || kind === 'purge') && model.held) return '409 legal_hold'
  return kind === 'delete' && model.wish.isProtected ? '409 delete_protected' : undefined
}

/** What the tenant is once one of its operations has succeeded. */
function settled(model: Model, operation: Open): Model {
  const rest = { ...model, open: model.open.filter((one) => one !== operation) }
  const wished = environmentsOf(model.wish)
  // An environment that is removed leaves nothing behind, its archive included.
  const kept = (all: Model['placed']) =>
    Object.fromEntries(Object.entries(all).filter(([name]) => wished.includes(name)))
  const after: Partial<Record<Open['kind'], Partial<Model>>> = {
    provision: { observed: model.generation },
    update: { observed: model.generation, placed: kept(model.placed), archives: kept(model.archives) },
    archive: { base: 'archived', placed: {}, archives: model.placed },
    restore: { base: 'active' },
    delete: { base: 'soft-deleted', putAside: model.base },
    undelete: { base: model.putAside },
    purge: { base: 'purged', placed: {}, archives: {} },
  }
  return { ...rest, ...after[operation.kind] }
}

/** One way in which commands given at the same time may have gone: their answers, in the order they were given, and the end. */
export type Course = { readonly answers: readonly string[]; readonly model: Model }

/**
 * Every way in which commands given at the same time may go: they are taken in some order, and between two of them any of the
 * open operations may have ended. All have ended in the end.
 */
export function courses(model: Model, commands: readonly Command[]): Course[] {
  const found = new Map<string, Course>()
  const answers = commands.map(() => '')
  const go = (now: Model, left: readonly number[]) => {
    for (const operation of now.open) go(settled(now, operation), left)
    if (left.length === 0 && now.open.length === 0) {
      const course = { answers: [...answers], model: now }
      found.set(JSON.stringify(course), course)
    }
    for (const index of left) {
      const asked = ask(now, commands[index] as Command)
      answers[index] = asked.answer
      go(
        asked.model,
        left.filter((one) => one !== index),
      )
    }
  }
  go(model, commands.keys().toArray())
  return [...found.values()]
}
