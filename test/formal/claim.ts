import { writesAt } from './attempt.ts'
import { commitRow, cutOf, isFenced, isOpen, isRowLocked, sideOf, type Step } from './model.ts'
import type { Rules } from './safeguards.ts'
import { active, answers, at, moved, standby, type State, suspended, type Worker } from './state.ts'
import { isApplied, markerEntry, rename, rowMarker } from './stream.ts'
import { answer, forget, markerSteps, publish, readLatch, workerStep } from './worker.ts'

/**
 * A try of the cut as it is coded: it takes both sides by a number that is higher than any before; finds
 * out who serves, opening what an earlier try has left closed; and cuts when that is not the side that is wanted.
 */
export function claimSteps(rules: Rules, number: number): Step[] {
  const marker = markerEntry(number)
  const step = workerStep(rules, number)

  /** The side as it is; undefined where a later try was here. */
  const take = (state: State, worker: Worker, place: number) => {
    const side = sideOf(state, place)
    if (rules.claimOrder && side.claim > worker.claim) return undefined
    if (rules.clearPermit) commitRow(side, rules.resolveSync, { claim: worker.claim })
    return side
  }

  const goOn = (state: State, worker: Worker, serving: number, epoch: number) => {
    worker.epoch = epoch
    if (serving === 1 - cutOf(state, worker).from) worker.pc = at.opened
    else if (worker.resolving === 1) answer(state, worker, answers.notCut)
    else worker.pc = at.start
  }

  const close = (state: State, worker: Worker, next: number) => {
    if (worker.pc !== at.seen) return false
    const cut = cutOf(state, worker)
    const side = sideOf(state, cut.from)
    const mine = side.claim === worker.claim && side.epoch === worker.epoch && isOpen(side)
    if (rules.closeGuard && !mine) worker.pc = at.start
    else {
      commitRow(side, rules.closeSync, { state: moved, epoch: side.epoch + 1, trigger: 1 })
      const other = sideOf(state, 1 - cut.from)
      rename(other, rowMarker, 0)
      rename(other, marker, rowMarker)
      Object.assign(worker, { pc: next, epoch: side.epoch, to: 1 - cut.from })
      if (cut.answer !== answers.none) state.breach = 'answer'
    }
    forget(state, number, rules)
    return true
  }

  const open = (state: State, worker: Worker, lost: boolean) => {
    const { to, epoch, latch } = worker
    const side = sideOf(state, to)
    if (worker.pc !== at.closed || latch === 0 || isRowLocked(state, to)) return false
    const isClosed = side.state === standby || side.state === moved
    if (side.gone === 1 || ((!isClosed || side.epoch >= epoch) && !(isOpen(side) && side.epoch === epoch))) {
      worker.pc = at.idle
      return true
    }
    if (isClosed) {
      if (rules.openMarker && !isApplied(side, rowMarker)) return false
      commitRow(side, rules.openSync, { state: latch === 2 ? suspended : active, epoch, trigger: 0 })
    }
    if (lost) return true
    worker.latch = 0
    goOn(state, worker, to, epoch)
    return true
  }

  return [
    step('resolve: take X', 40, (state, worker) => {
      if (worker.pc !== at.resolve || (rules.resolveWaits && isRowLocked(state, 0))) return false
      const side = take(state, worker, 0)
      if (side === undefined) worker.pc = at.idle
      else if (isOpen(side) && !rules.takeBoth) goOn(state, worker, 0, side.epoch)
      else Object.assign(worker, { pc: at.look, epoch: side.epoch, to: isOpen(side) ? 0 : 1 })
      return true
    }),
    step('resolve: take Y', 40, (state, worker) => {
      if (worker.pc !== at.look || (rules.resolveWaits && isRowLocked(state, 1))) return false
      const side = take(state, worker, 1)
      if (side === undefined) worker.pc = at.idle
      else if (worker.to === 0) goOn(state, worker, 0, worker.epoch)
      else if (isOpen(side)) goOn(state, worker, 1, side.epoch)
      // Both are closed: the one that closed last was to be followed by the other.
      else {
        const isAfterX = worker.epoch >= side.epoch
        Object.assign(worker, { pc: at.closed, to: isAfterX ? 1 : 0, epoch: isAfterX ? worker.epoch : side.epoch })
      }
      return true
    }),
    step('fence: lock the tables', 0, (state, worker) => {
      if (worker.pc !== at.start) return false
      const { from } = cutOf(state, worker)
      if (isFenced(state, from) || sideOf(state, from).gone === 1) return false
      if (state.clients.some((client) => writesAt(client, from, rules))) return false
      worker.pc = at.locked
      return true
    }),
    step('fence: read the row', 0, (state, worker) => {
      const { from } = cutOf(state, worker)
      if (worker.pc !== at.locked || isRowLocked(state, from)) return false
      const side = sideOf(state, from)
      const mine = side.claim === worker.claim && isOpen(side)
      if (mine || !rules.fenceCheck) Object.assign(worker, { pc: at.held, epoch: side.epoch })
      else worker.pc = at.idle
      return true
    }),
    ...markerSteps(rules, number),
    step('fence: give this try up', 0, (state, worker) => {
      if (worker.pc < at.locked || worker.pc > at.seen) return false
      worker.pc = at.start
      forget(state, number, rules)
      return true
    }),
    step('close: COMMIT', 0, (state, worker) => close(state, worker, at.closed)),
    step('close: COMMIT, its answer is lost', 0, (state, worker) => close(state, worker, at.idle)),
    step('open: read the latch', 40, (state, worker) => readLatch(state, worker, at.closed)),
    step('open: COMMIT', 40, (state, worker) => open(state, worker, false)),
    step('open: COMMIT, its answer is lost', 0, (state, worker) => open(state, worker, true)),
    step('publish', 40, (state, worker) => {
      if (worker.pc !== at.opened) return false
      publish(state, rules, 1 - cutOf(state, worker).from, worker.epoch)
      answer(state, worker, answers.cut)
      return true
    }),
  ]
}
