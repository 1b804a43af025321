import { cutOf, isCutting, itemOf, renumber, sideOf, type Step } from './model.ts'
import type { Rules } from './safeguards.ts'
import { answers, at, idle, moved, phases, type Side, type State, type Worker } from './state.ts'
import { isApplied, markerEntry, push, rename } from './stream.ts'

/** Makes the steps of one worker; one that has ended leaves nothing behind. */
export function workerStep(rules: Rules, number: number) {
  return (name: string, heals: number, run: (state: State, worker: Worker) => boolean): Step => ({
    name: `${name} [worker ${number + 1}]`,
    heals,
    run: (state) => {
      const worker = itemOf(state.workers, number)
      if (worker.pc === at.idle || !run(state, worker)) return false
      if (worker.pc === at.idle) end(state, number, rules)
      return true
    },
  })
}

/** What every try does inside of its fence: a marker is written, and has to arrive on the other side. */
export function markerSteps(rules: Rules, number: number): Step[] {
  const marker = markerEntry(number)
  const step = workerStep(rules, number)
  return [
    step('fence: write a marker', 0, (state, worker) => {
      if (worker.pc !== at.held) return false
      push(sideOf(state, 1 - cutOf(state, worker).from), marker)
      worker.pc = at.marked
      return true
    }),
    step('fence: the marker is there', 0, (state, worker) => {
      if (worker.pc !== at.marked) return false
      if (rules.markerWait && !isApplied(sideOf(state, 1 - cutOf(state, worker).from), marker)) return false
      worker.pc = at.seen
      return true
    }),
  ]
}

/** Takes a worker out of whatever it did. */
export function end(state: State, number: number, rules: Rules): void {
  const worker = itemOf(state.workers, number)
  const numbered = worker.claim !== 0
  Object.assign(worker, idle)
  if (numbered) renumber(state)
  forget(state, number, rules)
}

/** A marker that nobody looks for any more. With ids that repeat it counts for the next try as well. */
export function forget(state: State, number: number, rules: Rules): void {
  if (!rules.freshMarker) return
  for (const side of state.sides) rename(side, markerEntry(number), 0)
}

/** Whether close of this very cut has been done, and nothing after it on this side. */
export function isClosedBy(side: Side, worker: Worker, epoch: number, rules: Rules): boolean {
  return side.state === moved && side.epoch === epoch + 1 && (!rules.ownMove || side.permit === worker.cut)
}

/** Reads the latch on the way to opening a side, which is a step of its own: it may be set right after. */
export function readLatch(state: State, worker: Worker, pc: number): boolean {
  if (worker.pc !== pc || worker.latch !== 0) return false
  worker.latch = state.registry.latch + 1
  return true
}

/** Registry and context: WHERE epoch < the new one. */
export function publish(state: State, rules: Rules, side: number, epoch: number): void {
  if (rules.publishGuard && state.registry.epoch >= epoch) return
  if (state.registry.epoch > epoch) state.breach = 'registry'
  Object.assign(state.registry, { side, epoch })
}

/**
 * A worker answers for its cut and ends. The first answer is for good: a later one may say no more than that another cut
 * has taken over.
 */
export function answer(state: State, worker: Worker, given: number): void {
  const cut = itemOf(state.cuts, worker.cut - 1)
  const { workflow } = state
  if (cut.answer === answers.none) cut.answer = given
  else if (cut.answer !== given && given !== answers.superseded) state.breach = 'answer'
  if (isCutting(state) && workflow.cut === worker.cut) workflow.phase = phases.ready
  worker.pc = at.idle
}
