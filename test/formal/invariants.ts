import { isCutting, isOpen } from './model.ts'
import { active, answers, at, type State } from './state.ts'
import { suspendSteps } from './suspend.ts'
import { isApplied, keyEntry } from './stream.ts'

/** What must hold in every state; I1 to I4 as the design numbers them. */
export const invariants = {
  I1: 'at most one side accepts writes, and only while it is active',
  I2: 'every acknowledged commit is on the side that serves',
  I3: 'no operation is applied twice',
  I4: 'from every state there is a way back to rest: one side open, no permit in force, the registry names it',
  epoch: 'a side commits only what entered at its epoch',
  registry: 'the registry names no higher epoch than the side has, and never goes back',
  answer: 'what resolve answered stays true',
  suspend: 'after suspend has answered, no side is active',
} as const

export type Breach = keyof typeof invariants

/** What this state breaks, if anything. I4 is the matter of the search. */
export function breachOf(state: State): Breach | undefined {
  if (state.breach !== undefined) return state.breach
  const [x, y] = state.sides
  if (isOpen(x) && isOpen(y)) return 'I1'
  if (state.suspend === suspendSteps.done && (x.state === active || y.state === active)) return 'suspend'
  const named = state.registry.side === 0 ? x : y
  if (state.registry.epoch > named.epoch) return 'registry'
  const serving = isOpen(x) ? x : isOpen(y) ? y : undefined
  if (serving === undefined) return undefined
  const missing = (key: number) => (serving.own & key) === 0 && !isApplied(serving, key)
  return state.clients.some(({ acked }, client) => acked === 1 && missing(keyEntry(client))) ? 'I2' : undefined
}

/** Nobody is at work, one side is open, the registry names it, no attempt could still close it, and no trigger is in the way. */
export function isAtRest(state: State): boolean {
  const { registry, workflow, workers, cuts } = state
  const [named, other] = registry.side === 0 ? state.sides : [state.sides[1], state.sides[0]]
  if (isCutting(state) || workflow.late !== 0) return false
  // Only a cut that another has followed may be superseded.
  if (cuts[workflow.cut - 1]?.answer === answers.superseded) return false
  if (workers.some(({ pc }) => pc !== at.idle)) return false
  if (!isOpen(named) || isOpen(other) || named.epoch !== registry.epoch) return false
  if (named.permit !== 0 && cuts[named.permit - 1]?.epoch === named.epoch) return false
  if (named.trigger === 1) return false
  return state.suspend === suspendSteps.before || state.suspend === suspendSteps.done
}
