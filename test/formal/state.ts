import type { Breach } from './invariants.ts'
import type { Packer } from './pack.ts'

/** State of a side: `tenancy.placement.state`. */
export const standby = 0
export const active = 1
export const suspended = 2
export const moved = 3
export const retired = 4

/** Where a worker is. From `locked` to `seen`, and as a `ghost`, it has an open transaction on the side that closes. */
export const at = {
  idle: 0,
  start: 1,
  locked: 2,
  held: 3,
  marked: 4,
  seen: 5,
  closed: 6,
  opened: 7,
  unknown: 8,
  resolve: 9,
  look: 10,
  retire: 11,
  reopen: 12,
  republish: 13,
  ghost: 14,
  reconnected: 15,
  checked: 16,
} as const

/** Where a client is with its one operation. */
export const doing = { nothing: 0, informed: 1, entered: 2, written: 3, absent: 4, done: 5 } as const

/** What `resolve` has answered for a cut, for good. */
export const answers = { none: 0, notCut: 1, cut: 2, undone: 3, superseded: 4 } as const

/** Where the workflow is: between cuts, in one, at its end, or, with claims, in a cut that is only to be resolved. */
export const phases = { ready: 0, cutting: 1, final: 2, settling: 3 } as const

/** A side: the row of its placement, its triggers, and the keys that tenants have written to it. */
export type Side = {
  state: number
  epoch: number
  permit: number
  trigger: number
  /** Number of the try that has taken it last; see `claim.ts`. */
  claim: number
  /** Set while the row is committed and not flushed; `old` is what a crash brings back. */
  async: number
  old: { state: number; epoch: number; permit: number; trigger: number; claim: number }
  /** Dropped, with its streams. */
  gone: number
  /** Keys committed here by clients, as bits. */
  own: number
  /** What came by the stream from the other side and is flushed, as bits; see `stream.ts`. */
  flushed: number
  /** What is on its way, oldest first, as octal digits; the first `applied` of them are applied and not flushed. */
  stream: number
  applied: number
}

/**
 * `latch`: 0 while it was not read, 1 for off, 2 for on; another may set it before the worker commits. `claim`, `epoch` and `to`
 * are for `claim.ts` alone: the number of this try, the epoch that it has read, and the side that it opens.
 */
export type Worker = {
  cut: number
  pc: number
  resolving: number
  latch: number
  claim: number
  epoch: number
  to: number
}
/** A worker that does nothing. */
export const idle: Worker = { cut: 0, pc: at.idle, resolving: 0, latch: 0, claim: 0, epoch: 0, to: 0 }

export type Client = { pc: number; side: number; epoch: number; raw: number; orphan: number; acked: number }
export type Cut = { from: number; epoch: number; answer: number }

export type State = {
  sides: [Side, Side]
  workers: Worker[]
  clients: Client[]
  cuts: Cut[]
  /** What the registry has published, and its latch. */
  registry: { side: number; epoch: number; latch: number }
  workflow: { phase: number; cut: number; late: number }
  /** 0 before it, 1 with its first step done, 2 after it has read a row without the lock, 3 when it has answered. */
  suspend: number
  /** The streams have stopped for good. */
  stopped: number
  /** What the last step has broken by itself; such a state is not explored further. */
  breach: Breach | undefined
}

/** How many of each there are, whether somebody suspends the tenant, and whether the streams may stop for good. */
export type Bounds = {
  readonly attempts: number
  readonly clients: number
  readonly cuts: number
  readonly suspend: boolean
  readonly stop: boolean
  /** Each try takes the sides by a number of its own, as it is coded, instead of one permit for each cut. */
  readonly claims: boolean
}

function side(state: number, epoch: number, trigger: number): Side {
  const old = { state: 0, epoch: 0, permit: 0, trigger: 0, claim: 0 }
  return {
    state,
    epoch,
    permit: 0,
    trigger,
    claim: 0,
    async: 0,
    old,
    gone: 0,
    own: 0,
    flushed: 0,
    stream: 0,
    applied: 0,
  }
}

/** Before the first cut: the source serves at epoch 1, the target is prepared and copied. */
export function initial({ attempts, clients, cuts }: Bounds, targetTrigger: boolean): State {
  const times = <T>(count: number, make: () => T) => Array.from({ length: count }, make)
  return {
    sides: [side(active, 1, 0), side(standby, 1, targetTrigger ? 1 : 0)],
    workers: times(attempts, () => ({ ...idle })),
    clients: times(clients, () => ({ pc: 0, side: 0, epoch: 0, raw: 0, orphan: 0, acked: 0 })),
    cuts: times(cuts, () => ({ from: 0, epoch: 0, answer: 0 })),
    registry: { side: 0, epoch: 1, latch: 0 },
    workflow: { phase: phases.ready, cut: 0, late: 0 },
    suspend: 0,
    stopped: 0,
    breach: undefined,
  }
}

/** Every field of a state in a fixed order: packs the state, or unpacks into it. */
export function visit(state: State, packer: Packer): void {
  for (const one of state.sides) visitSide(one, packer)
  for (const worker of state.workers) visitWorker(worker, packer)
  for (const client of state.clients) {
    client.pc = packer.field(client.pc, 3)
    client.side = packer.field(client.side, 1)
    client.epoch = packer.field(client.epoch, 3)
    client.raw = packer.field(client.raw, 1)
    client.orphan = packer.field(client.orphan, 2)
    client.acked = packer.field(client.acked, 1)
  }
  for (const cut of state.cuts) {
    cut.from = packer.field(cut.from, 1)
    cut.epoch = packer.field(cut.epoch, 3)
    cut.answer = packer.field(cut.answer, 3)
  }
  const { registry, workflow } = state
  registry.side = packer.field(registry.side, 1)
  registry.epoch = packer.field(registry.epoch, 4)
  registry.latch = packer.field(registry.latch, 1)
  workflow.phase = packer.field(workflow.phase, 2)
  workflow.cut = packer.field(workflow.cut, 2)
  workflow.late = packer.field(workflow.late, 2)
  state.suspend = packer.field(state.suspend, 2)
  state.stopped = packer.field(state.stopped, 1)
}

function visitSide(one: Side, packer: Packer): void {
  one.state = packer.field(one.state, 3)
  one.epoch = packer.field(one.epoch, 4)
  one.permit = packer.field(one.permit, 2)
  one.trigger = packer.field(one.trigger, 1)
  one.claim = packer.field(one.claim, 3)
  one.async = packer.field(one.async, 1)
  if (one.async === 1) visitOld(one, packer)
  one.gone = packer.field(one.gone, 1)
  one.own = packer.field(one.own, 2)
  one.flushed = packer.field(one.flushed, 6)
  one.stream = packer.field(one.stream, 24)
  one.applied = packer.field(one.applied, 4)
}

/** Of a row that is flushed there is no old one. */
function visitOld({ old }: Side, packer: Packer): void {
  old.state = packer.field(old.state, 3)
  old.epoch = packer.field(old.epoch, 4)
  old.permit = packer.field(old.permit, 2)
  old.trigger = packer.field(old.trigger, 1)
  old.claim = packer.field(old.claim, 3)
}

/** Of a worker that is idle there is nothing else to tell. */
function visitWorker(worker: Worker, packer: Packer): void {
  worker.pc = packer.field(worker.pc, 5)
  if (worker.pc === at.idle) {
    if (worker.cut !== 0) Object.assign(worker, idle)
    return
  }
  worker.cut = packer.field(worker.cut, 2)
  worker.resolving = packer.field(worker.resolving, 1)
  worker.latch = packer.field(worker.latch, 2)
  worker.claim = packer.field(worker.claim, 3)
  worker.epoch = packer.field(worker.epoch, 4)
  worker.to = packer.field(worker.to, 1)
}
