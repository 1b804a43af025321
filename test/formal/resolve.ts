import { commitRow, cutOf, isOpen, isRowLocked, sideOf, type Step } from './model.ts'
import type { Rules } from './safeguards.ts'
import { active, answers, at, moved, retired, standby, type State, suspended, type Worker } from './state.ts'
import { answer, isClosedBy, publish, readLatch, workerStep } from './worker.ts'

/** `resolveCutover`: the table of the design, and undo. From `closed` on it goes the way of an attempt. */
export function resolveSteps(rules: Rules, number: number): Step[] {
  const own = workerStep(rules, number)
  const step = (name: string, heals: number, pc: number, run: (state: State, worker: Worker) => boolean): Step =>
    own(`resolve: ${name}`, heals, (state, worker) => worker.pc === pc && run(state, worker))
  const stop = (state: State, worker: Worker) => answer(state, worker, answers.superseded)

  return [
    step('take the permit away', 40, at.resolve, (state, worker) => {
      const { from, epoch } = cutOf(state, worker)
      const side = sideOf(state, from)
      const locked = isRowLocked(state, from)
      if (locked && rules.resolveWaits) return false
      const clears =
        rules.clearPermit && side.epoch === epoch && (rules.clearSuspended ? isOpen(side) : side.state === active)
      if (!locked && clears && side.permit === worker.cut) commitRow(side, rules.resolveSync, { permit: 0 })
      if (isUndone(state, worker, rules) && rules.undoAgain) worker.pc = at.republish
      else if (rules.superseded && side.epoch >= epoch + 2) stop(state, worker)
      else if (isOpen(side)) answer(state, worker, answers.notCut)
      else if (isClosedBy(side, worker, rules.superseded ? epoch : side.epoch - 1, rules)) worker.pc = at.look
      else stop(state, worker)
      return true
    }),
    step('look at the other side', 40, at.look, (state, worker) => {
      const { from, epoch } = cutOf(state, worker)
      const other = sideOf(state, 1 - from)
      if (isRowLocked(state, 1 - from)) return false
      if (isOpen(other) && other.epoch === epoch + 1) worker.pc = at.opened
      else if (other.state === retired && other.epoch === epoch + 2) worker.pc = at.reopen
      else if ((other.state === standby || other.state === moved) && other.epoch <= epoch) worker.pc = at.closed
      else stop(state, worker)
      return true
    }),
    step('the operator gives the other side up', 0, at.look, (state, worker) => {
      const { from, epoch } = cutOf(state, worker)
      const other = sideOf(state, 1 - from)
      if (other.gone === 1 || other.epoch > epoch || isRowLocked(state, 1 - from)) return false
      worker.pc = rules.retireFirst ? at.retire : at.reopen
      return true
    }),
    step('undo, retire the other side', 40, at.retire, (state, worker) => {
      const { from, epoch } = cutOf(state, worker)
      const other = sideOf(state, 1 - from)
      if (isRowLocked(state, 1 - from)) return false
      if (rules.retireGuard && other.epoch >= epoch + 1) worker.pc = at.look
      else {
        commitRow(other, true, { state: retired, epoch: epoch + 2, trigger: 1 })
        worker.pc = at.reopen
      }
      return true
    }),
    step('undo, read the latch', 40, at.reopen, (state, worker) => readLatch(state, worker, at.reopen)),
    step('undo, open this side again', 40, at.reopen, (state, worker) => {
      if (worker.latch === 0) return false
      const { from, epoch } = cutOf(state, worker)
      const side = sideOf(state, from)
      if (isRowLocked(state, from)) return false
      const latched = rules.undoLatch && worker.latch === 2
      worker.latch = 0
      if (!rules.undoGuard || (side.state === moved && side.epoch === epoch + 1)) {
        commitRow(side, true, { state: latched ? suspended : active, epoch: epoch + 2, trigger: 0 })
        worker.pc = at.republish
      } else if (isUndone(state, worker, rules)) worker.pc = at.republish
      else stop(state, worker)
      return true
    }),
    step('undo, publish', 40, at.republish, (state, worker) => {
      const { from, epoch } = cutOf(state, worker)
      publish(state, rules, from, epoch + 2)
      answer(state, worker, answers.undone)
      return true
    }),
  ]
}

/** The other side was retired by undo, and this one is open again by it: what is left is to publish that. */
function isUndone(state: State, worker: Worker, rules: Rules): boolean {
  const { from, epoch } = cutOf(state, worker)
  const [side, other] = [sideOf(state, from), sideOf(state, 1 - from)]
  const mine = !rules.ownMove || side.permit === worker.cut
  return mine && isOpen(side) && side.epoch === epoch + 2 && other.state === retired && other.epoch === epoch + 2
}
