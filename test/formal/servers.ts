import { isFenced, isOpen, sideNames, sideOf, type Step } from './model.ts'
import { leave } from './client.ts'
import type { Rules } from './safeguards.ts'
import { at, doing, type State } from './state.ts'
import { flush, nextEntry, push } from './stream.ts'
import { forget } from './worker.ts'

/** The two servers: what comes by the stream is applied, later flushed, and lost in between when the server dies. */
export function serverSteps(rules: Rules, number: number): Step[] {
  const name = sideNames[number === 0 ? 0 : 1]
  return [
    {
      name: `stream: apply on ${name}`,
      heals: 10,
      run: (state) => {
        const side = sideOf(state, number)
        const entry = nextEntry(side)
        if (entry === 0 || state.stopped === 1) return false
        side.applied += 1
        if (entry > 2) return true
        if ((side.own & entry) !== 0) state.breach = 'I3'
        if (!rules.originNone) push(sideOf(state, 1 - number), entry)
        return true
      },
    },
    {
      name: `stream: flush on ${name}`,
      heals: 5,
      run: (state) => {
        const side = sideOf(state, number)
        if (side.applied === 0) return false
        flush(side)
        return true
      },
    },
    { name: `crash: server ${name} dies and is back`, heals: 0, run: (state) => crash(state, number, rules) },
  ]
}

/**
 * The streams stop for good, as by an apply error. Not from the marker to open: what the target loses of
 * itself after that comes by no stream, and what is left is the operator's word.
 */
export const stopStreams: Step = {
  name: 'stream: both stop for good',
  heals: 0,
  run: (state) => {
    const [x, y] = state.sides
    if (state.stopped === 1 || x.applied + y.applied > 0 || !(isOpen(x) || isOpen(y))) return false
    if (state.workers.some(({ pc }) => pc === at.seen)) return false
    state.stopped = 1
    return true
  },
}

function crash(state: State, number: number, rules: Rules): boolean {
  const side = sideOf(state, number)
  const hit = state.clients.filter(({ pc, side: at_ }) => pc >= doing.entered && pc <= doing.absent && at_ === number)
  const orphans = state.clients.filter(({ orphan }) => orphan === number + 1)
  if (side.async === 0 && side.applied === 0 && hit.length + orphans.length === 0 && !isFenced(state, number))
    return false
  for (const client of hit) leave(client)
  for (const client of orphans) client.orphan = 0
  if (side.async === 1) Object.assign(side, side.old, { async: 0 })
  side.applied = 0
  state.workers.forEach((worker, index) => {
    const fenced = worker.pc >= at.locked && worker.pc <= at.seen
    if (!fenced || state.cuts[worker.cut - 1]?.from !== number) return
    worker.pc = worker.pc === at.seen && !rules.sameConnection ? at.reconnected : at.start
    if (worker.pc === at.start) forget(state, index, rules)
  })
  return true
}
