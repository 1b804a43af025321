import { commitRow, cutOf, isFenced, isOpen, isRowLocked, sideOf, type Step } from './model.ts'
import type { Rules } from './safeguards.ts'
import { active, answers, at, doing, moved, type State, suspended, type Worker } from './state.ts'
import { isApplied, markerEntry, rename, rowMarker } from './stream.ts'
import { answer, forget, isClosedBy, markerSteps, publish, readLatch, workerStep } from './worker.ts'

/** One attempt of a cut: fence, close, open, publish. `resolve` goes on from `open` as an attempt does. */
export function attemptSteps(rules: Rules, number: number): Step[] {
  const marker = markerEntry(number)

  const read = (state: State, worker: Worker) => {
    const { from, epoch } = cutOf(state, worker)
    const side = sideOf(state, from)
    const mine = isOpen(side) && side.epoch === epoch && side.permit === worker.cut
    if (mine || !rules.fenceCheck) return at.held
    return isClosedBy(side, worker, epoch, rules) ? at.closed : at.idle
  }

  const lock = (state: State, worker: Worker) => {
    const { from } = cutOf(state, worker)
    if (isFenced(state, from) || sideOf(state, from).gone === 1) return false
    return !rules.tableLock || !state.clients.some((client) => writesAt(client, from, rules))
  }

  const close = (state: State, worker: Worker, next: number) => {
    const cut = cutOf(state, worker)
    const side = sideOf(state, cut.from)
    if (worker.pc === at.reconnected && isRowLocked(state, cut.from)) return false
    if (worker.pc !== at.seen && worker.pc !== at.reconnected) return false
    if (rules.closeGuard && (side.epoch !== cut.epoch || side.permit !== worker.cut)) worker.pc = at.start
    else {
      const trigger = rules.closeTrigger ? 1 : side.trigger
      commitRow(side, rules.closeSync, { state: moved, epoch: cut.epoch + 1, trigger })
      const other = sideOf(state, 1 - cut.from)
      rename(other, rowMarker, 0)
      rename(other, marker, rowMarker)
      worker.pc = next
      if (cut.answer !== answers.none) state.breach = 'answer'
    }
    forget(state, number, rules)
    return true
  }

  const open = (state: State, worker: Worker, next: number) => {
    const { from, epoch } = cutOf(state, worker)
    const side = sideOf(state, 1 - from)
    if (worker.pc !== at.closed || worker.latch === 0 || isRowLocked(state, 1 - from)) return false
    if (side.gone === 1) {
      worker.pc = at.idle
      return true
    }
    if ((rules.openState && side.state === active) || (rules.openEpoch && side.epoch >= epoch + 1)) {
      worker.pc = isOpen(side) && side.epoch === epoch + 1 ? at.opened : at.idle
      worker.latch = 0
      return true
    }
    if (rules.openMarker && !isApplied(side, rowMarker)) return false
    const latched = rules.openLatch && worker.latch === 2
    worker.latch = 0
    const permit = rules.openClears ? 0 : side.permit
    commitRow(side, rules.openSync, { state: latched ? suspended : active, epoch: epoch + 1, permit, trigger: 0 })
    worker.pc = next
    return true
  }

  const step = workerStep(rules, number)
  const takeLock = step('fence: lock the tables', 0, (state, worker) => {
    if (worker.pc !== (rules.lockFirst ? at.start : at.checked) || !lock(state, worker)) return false
    if (!rules.latchLate && worker.latch === 0) return false
    worker.pc = rules.lockFirst ? at.locked : at.held
    return true
  })
  const readRow = step('fence: read the row', 0, (state, worker) => {
    if (worker.pc !== (rules.lockFirst ? at.locked : at.start)) return false
    if (rules.lockFirst && isRowLocked(state, cutOf(state, worker).from)) return false
    const next = read(state, worker)
    worker.pc = next === at.held && !rules.lockFirst ? at.checked : next
    return true
  })
  return [
    takeLock,
    readRow,
    ...markerSteps(rules, number),
    step('fence: give this try up', 0, (state, worker) => {
      if (worker.pc < at.locked || worker.pc > at.seen) return false
      worker.pc = worker.pc === at.seen && !rules.sameConnection ? at.reconnected : at.start
      if (worker.pc === at.start) forget(state, number, rules)
      return true
    }),
    step('fence: give the attempt up', 0, (state, worker) => {
      if (worker.pc !== at.start) return false
      const { from, epoch } = cutOf(state, worker)
      const side = sideOf(state, from)
      if (isRowLocked(state, from)) return false
      const untouched = (isOpen(side) && side.epoch === epoch) || !rules.giveUpOpen
      if (side.permit === worker.cut && untouched) commitRow(side, true, { permit: 0 })
      worker.pc = at.idle
      return true
    }),
    step('close: COMMIT', 0, (state, worker) => close(state, worker, at.closed)),
    step('close: COMMIT, its answer is lost', 0, (state, worker) => close(state, worker, at.unknown)),
    step('close: look under the row lock', 0, (state, worker) => {
      if (worker.pc !== at.unknown || isRowLocked(state, cutOf(state, worker).from)) return false
      const { from, epoch } = cutOf(state, worker)
      const side = sideOf(state, from)
      if (side.epoch <= epoch) worker.pc = at.start
      else if (isClosedBy(side, worker, epoch, rules)) worker.pc = at.closed
      else worker.pc = at.idle
      return true
    }),
    step('open: read the latch', 40, (state, worker) => {
      const early = !rules.latchLate && worker.resolving === 0
      return readLatch(state, worker, early ? at.start : at.closed)
    }),
    step('open: COMMIT', 40, (state, worker) => open(state, worker, at.opened)),
    step('open: COMMIT, its answer is lost', 0, (state, worker) => open(state, worker, at.closed)),
    step('publish', 40, (state, worker) => {
      if (worker.pc !== at.opened) return false
      const { from, epoch } = cutOf(state, worker)
      publish(state, rules, 1 - from, epoch + 1)
      answer(state, worker, answers.cut)
      return true
    }),
  ]
}

/** Whether a client's transaction, or one of it whose COMMIT is in flight, keeps the fence waiting. */
export function writesAt(client: State['clients'][number], side: number, rules: Rules): boolean {
  if (client.orphan === side + 1) return true
  if (client.side !== side) return false
  return client.pc === doing.written || (rules.gateLock && (client.pc === doing.entered || client.pc === doing.absent))
}
