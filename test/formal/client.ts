import { flushAll, isFenced, itemOf, sideOf, type Step } from './model.ts'
import type { Rules } from './safeguards.ts'
import { active, type Client, doing, type Side, type State, suspended } from './state.ts'
import { isApplied, keyEntry, push } from './stream.ts'

/**
 * A client with one operation and its key, tried again until it is acknowledged: by the SDK, or past the gate (through a
 * view or a definer function, to either side). What waits for a lock is a step that cannot be taken yet.
 */
export function clientSteps(rules: Rules, number: number): Step[] {
  const key = keyEntry(number)
  const has = (side: Side) => (side.own & key) !== 0 || (rules.keyReplicated && isApplied(side, key))

  const write = (state: State, client: Client, at: number) => {
    const side = sideOf(state, at)
    if (isFenced(state, at) || (rules.keyInsert && client.orphan === at + 1)) return false
    if (side.gone === 1 || side.state === suspended) leave(client)
    else if (side.trigger === 1) refuse(client)
    else if (client.pc === doing.absent) client.pc = doing.written
    else if (has(side)) acknowledge(client)
    else Object.assign(client, { pc: doing.written, side: at })
    return true
  }

  const refuse = (client: Client) => (rules.commitTag ? leave(client) : acknowledge(client))

  const commit = (state: State, client: Client, at: number) => {
    const side = sideOf(state, at)
    if (side.state !== active) state.breach = 'I1'
    else if (client.pc === doing.written && client.raw === 0 && client.epoch !== side.epoch) state.breach = 'epoch'
    else if (has(side) || ((sideOf(state, 1 - at).own & key) !== 0 && !isApplied(side, key))) state.breach = 'I3'
    side.own |= key
    push(sideOf(state, 1 - at), key)
    flushAll(side)
  }

  const step = (name: string, heals: number, pc: number, run: (state: State, client: Client) => boolean): Step => ({
    name: `client: ${name} [client ${number + 1}]`,
    heals,
    run: (state) => {
      const client = itemOf(state.clients, number)
      return client.pc === pc && run(state, client)
    },
  })

  const overwriting = [
    step('write what SELECT did not find', 0, doing.absent, (state, client) => write(state, client, client.side)),
    step('the connection is lost after SELECT', 50, doing.absent, (_, client) => leave(client)),
  ]

  return [
    step('read the context', 0, doing.nothing, ({ registry }, client) => {
      Object.assign(client, { pc: doing.informed, side: registry.side, epoch: registry.epoch, raw: 0 })
      return true
    }),
    step('enter by the gate', 0, doing.informed, (state, client) => {
      const side = sideOf(state, client.side)
      if (rules.gateLock && isFenced(state, client.side)) return false
      const refused = rules.gateEpoch && (side.state !== active || side.epoch !== client.epoch)
      if (refused || side.gone === 1) refuse(client)
      else client.pc = doing.entered
      return true
    }),
    step('insert the key', 0, doing.entered, (state, client) => {
      if (rules.keyInsert) return write(state, client, client.side)
      if (has(sideOf(state, client.side))) acknowledge(client)
      else client.pc = doing.absent
      return true
    }),
    ...[0, 1].map((side) =>
      step(`write past the gate of ${side === 0 ? 'X' : 'Y'}`, 0, doing.nothing, (state, client) => {
        const target = sideOf(state, side)
        // Steps that come to nothing need no search.
        if (target.gone === 1 || target.state === suspended || (target.trigger === 1 && rules.commitTag)) return false
        client.raw = 1
        return write(state, client, side)
      }),
    ),
    step('COMMIT', 0, doing.written, (state, client) => {
      commit(state, client, client.side)
      acknowledge(client)
      return true
    }),
    step('COMMIT sent, the connection is lost', 0, doing.written, (_, client) => {
      if (client.orphan !== 0) return false
      client.orphan = client.side + 1
      leave(client)
      return true
    }),
    step('the connection is lost after INSERT', 50, doing.written, (_, client) => leave(client)),
    step('the connection is lost at the gate', 50, doing.entered, (_, client) => leave(client)),
    ...(rules.keyInsert ? [] : overwriting),
    orphan('the COMMIT in flight lands', number, (state, client) => commit(state, client, client.orphan - 1)),
    orphan('the COMMIT in flight is rolled back', number, () => undefined),
  ]
}

/** The client has no transaction any more, and knows nothing. */
export function leave(client: Client): true {
  Object.assign(client, { pc: doing.nothing, side: 0, epoch: 0, raw: 0 })
  return true
}

function acknowledge(client: Client): void {
  Object.assign(client, { pc: doing.done, side: 0, epoch: 0, raw: 0, acked: 1 })
}

function orphan(name: string, number: number, run: (state: State, client: Client) => void): Step {
  return {
    name: `client: ${name} [client ${number + 1}]`,
    heals: 50,
    run: (state) => {
      const client = itemOf(state.clients, number)
      if (client.orphan === 0) return false
      run(state, client)
      client.orphan = 0
      return true
    },
  }
}
