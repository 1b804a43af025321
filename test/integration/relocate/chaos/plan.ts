import { pointsOf, type Phase, type Point } from './points.ts'

/** What goes wrong. */
export const faults = [
  'kill',
  'stall',
  'cut',
  'hang',
  'outage',
  'latency',
  'crash',
  'ddl',
  'long-transaction',
  'revoke',
] as const
export type Fault = (typeof faults)[number]

/** What is commanded once the move has settled; `again` is a rollback and another move that is completed. */
export type Ending = 'complete' | 'rollback' | 'again' | 'abort'

/** One run, all of it drawn from its seed. */
export type Plan = {
  readonly seed: number
  readonly phase: Phase
  readonly point: Point
  readonly when: 'before' | 'after'
  /** Which of the statements of this kind. */
  readonly nth: number
  readonly fault: Fault
  readonly ending: Ending
  /** When the abort comes, or suspend and resume, in milliseconds after the command to move. */
  readonly abortAt: number
  readonly suspendAt: number | undefined
  /** How long the fault lasts, where it has a length. */
  readonly lastsMs: number
}

const faultsOf: Record<Phase, readonly Fault[]> = {
  move: faults,
  rollback: faults,
  complete: faults.filter((fault) => fault !== 'revoke'),
  abort: ['kill', 'kill', 'stall', 'cut', 'hang', 'crash'],
}

/** Numbers from 0 to 1, the same for the same seed. */
function numbers(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * The run of a seed.
 * @param at a point that is drawn in any case, as `<phase>/<point>`, `<phase>/<point>/<before or after>` or `<phase>/<point>/<when>/<fault>`
 */
export function planOf(seed: number, at?: string): Plan {
  const next = numbers(seed)
  const one = <T>(of: readonly T[]): T => of[Math.floor(next() * of.length)] as T
  const [phaseGiven, pointGiven, whenGiven, faultGiven] = at?.split('/') ?? []
  const phase = named(phases, phaseGiven) ?? one(phases)
  const drawn = one<Point>(pointsOf[phase])
  const point = pointsOf[phase].find(({ name }) => name === pointGiven) ?? drawn
  const when = named(['before', 'after'] as const, whenGiven) ?? one(['before', 'after'] as const)
  const fault = named(faults, faultGiven) ?? one(faultsOf[phase])
  const nth = 1 + Math.floor(next() * point.most)
  const moved = one(['complete', 'rollback', 'again'] as const)
  const ending = phase === 'move' ? moved : phase
  return {
    seed,
    phase,
    point,
    when,
    nth,
    fault,
    ending,
    abortAt: 200 + Math.floor(next() * 2_500),
    suspendAt: next() < 0.2 ? Math.floor(next() * 3_000) : undefined,
    lastsMs: 500 + Math.floor(next() * 4_500),
  }
}

const phases = ['move', 'move', 'rollback', 'complete', 'abort'] as const
function named<T extends string>(of: readonly T[], name: string | undefined): T | undefined {
  return of.find((one) => one === name)
}

/** A plan for people. */
export function told({ seed, phase, point, when, nth, fault, ending, suspendAt }: Plan): string {
  const suspended = suspendAt === undefined ? '' : `, suspended after ${suspendAt} ms`
  return `seed ${seed}: ${fault} ${when} ${phase}/${point.name} (${nth}), then ${ending}${suspended}`
}
