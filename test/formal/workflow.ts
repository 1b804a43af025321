import { commitRow, isCutting, isOpen, isRowLocked, itemOf, renumber, sideOf, type Step } from './model.ts'
import type { Rules } from './safeguards.ts'
import { answers, at, type Bounds, type Cut, phases, retired, standby, type State } from './state.ts'
import { flush } from './stream.ts'
import { workerStep } from './worker.ts'

/** Above all numbers of tries; `renumber` brings it down. */
const highest = 8

/**
 * The workflow: gives the permit, runs attempts and `resolve` (any of which may be late and meet the next ones), and goes on
 * only with an answer: another cut, a rollback, or the end, where it drops the side that does not serve.
 */
export function workflowSteps(rules: Rules, { attempts, cuts, claims }: Bounds): Step[] {
  const grant = (name: string, late: boolean): Step => ({
    name: `workflow: give the permit${name}`,
    heals: 0,
    run: (state) => {
      const { workflow } = state
      if (workflow.phase !== phases.ready || workflow.cut === cuts || workflow.late !== 0) return false
      const serving = servingAfter(state)
      if (serving === undefined || isRowLocked(state, 0) || isRowLocked(state, 1)) return false
      workflow.phase = phases.cutting
      workflow.cut += 1
      Object.assign(itemOf(state.cuts, workflow.cut - 1), serving)
      // After an undo the target is prepared and copied anew.
      const target = sideOf(state, 1 - serving.from)
      if (target.state === retired) commitRow(target, true, { state: standby, trigger: 1 })
      if (!claims) write(state, workflow.cut)
      if (late) workflow.late = workflow.cut
      return true
    },
  })
  /** The statement of the activity: UPDATE … SET permit = mine WHERE the side is open at e. */
  const write = (state: State, number: number) => {
    const { from, epoch } = itemOf(state.cuts, number - 1)
    const side = sideOf(state, from)
    if (isOpen(side) && side.epoch === epoch) commitRow(side, true, { permit: number })
  }
  const start = (name: string, worker: number, resolving: boolean): Step => ({
    name: `workflow: start ${name} [worker ${worker + 1}]`,
    heals: resolving ? 30 : 0,
    run: (state) => {
      const { workflow } = state
      const one = itemOf(state.workers, worker)
      const begins = workflow.phase === phases.cutting || (workflow.phase === phases.settling && resolving)
      if (!begins || one.pc !== at.idle) return false
      Object.assign(one, {
        cut: workflow.cut,
        pc: resolving || claims ? at.resolve : at.start,
        resolving: Number(resolving),
      })
      if (!claims) return true
      one.claim = highest
      renumber(state)
      if (resolving && rules.claimRefused) workflow.phase = phases.settling
      return true
    },
  })
  const finish: Step = {
    name: 'workflow: the end, the other side is dropped',
    heals: 0,
    run: (state) => {
      const { workflow } = state
      const asked = workflow.phase === phases.ready || (isCutting(state) && !rules.resolveFirst)
      const serving = asked && workflow.cut > 0 ? servingAfter(state) : undefined
      if (serving === undefined || isRowLocked(state, 1 - serving.from)) return false
      const other = sideOf(state, 1 - serving.from)
      if (isOpen(other)) return false
      commitRow(other, true, { state: retired, trigger: 1 })
      Object.assign(other, { gone: 1, own: 0, flushed: 0, stream: 0, applied: 0 })
      const left = sideOf(state, serving.from)
      flush(left)
      left.stream = 0
      workflow.phase = phases.final
      return true
    },
  }
  return [
    grant('', false),
    ...(rules.grantOnce ? [] : [grant(', a second run of it stalls', true), lateGrant(write)]),
    ...Array.from({ length: attempts }, (_, worker) => start('an attempt', worker, false)),
    ...Array.from({ length: attempts }, (_, worker) => start('resolve', worker, true)),
    finish,
    ...Array.from({ length: attempts }, (_, worker) => [crash(rules, worker, 0), crash(rules, worker, 1)]).flat(),
  ]
}

/** The side that serves, and its epoch, as the answers so far say; undefined where the last one says nothing of it. */
function servingAfter({ workflow, cuts }: State): Pick<Cut, 'from' | 'epoch'> | undefined {
  if (workflow.cut === 0) return { from: 0, epoch: 1 }
  const { from, epoch, answer } = itemOf(cuts, workflow.cut - 1)
  if (answer === answers.cut) return { from: 1 - from, epoch: epoch + 1 }
  if (answer === answers.undone) return { from, epoch: epoch + 2 }
  return answer === answers.superseded ? undefined : { from, epoch }
}

function lateGrant(write: (state: State, cut: number) => void): Step {
  return {
    name: 'workflow: the second run gives its permit',
    heals: 60,
    run: (state) => {
      const { workflow } = state
      if (workflow.late === 0 || isRowLocked(state, 0) || isRowLocked(state, 1)) return false
      write(state, workflow.late)
      workflow.late = 0
      return true
    },
  }
}

/** A worker dies; its transaction with it, for the server sees to that. On the way back to rest attempts die, `resolve` lives. */
function crash(rules: Rules, number: number, resolving: 0 | 1): Step {
  return workerStep(rules, number)('crash: the worker dies', resolving === 1 ? 0 : 45, (_, worker) => {
    if (worker.pc === at.ghost || worker.resolving !== resolving) return false
    const holds = worker.pc >= at.locked && worker.pc <= at.seen
    worker.pc = holds && !rules.deadMan ? at.ghost : at.idle
    return true
  })
}
