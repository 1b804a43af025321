import { leave } from './client.ts'
import { commitRow, isOpen, isRowLocked, sideOf, type Step } from './model.ts'
import type { Rules } from './safeguards.ts'
import { moved, type State, suspended } from './state.ts'
import { publish } from './worker.ts'

export const suspendSteps = { before: 0, begun: 1, read: 2, done: 3 } as const

/** `suspend`, which does not wait for a move: the latch in the registry, then the side that is open. */
export function suspendActor(rules: Rules): Step[] {
  const { before, begun, read, done } = suspendSteps
  const step = (name: string, from: number, run: (state: State) => boolean): Step => ({
    name: `suspend: ${name}`,
    heals: from === before ? 0 : 20,
    run: (state) => state.suspend === from && run(state),
  })
  const [closing, latching] = rules.latchFirst ? [begun, before] : [before, begun]
  const afterClose = rules.latchFirst ? done : begun

  const late = step('close the side that it read', read, (state) => {
    if (isRowLocked(state, state.registry.side)) return false
    close(state, state.registry.side, rules)
    state.suspend = afterClose
    return true
  })

  return [
    step('set the latch', latching, (state) => {
      state.registry.latch = 1
      state.suspend = rules.latchFirst ? begun : done
      return true
    }),
    step('close the side', closing, (state) => {
      const number = state.registry.side
      const side = sideOf(state, number)
      if (!rules.suspendLock) {
        if (!isOpen(side)) return false
        state.suspend = read
        return true
      }
      if (isRowLocked(state, number)) return false
      if (!isOpen(side) && !(side.state === moved && !rules.suspendFollows)) return false
      if (isOpen(side)) close(state, number, rules)
      state.suspend = afterClose
      return true
    }),
    ...(rules.suspendLock ? [] : [late]),
  ]
}

/** Sessions of the tenant end with it. */
function close(state: State, number: number, rules: Rules): void {
  const side = sideOf(state, number)
  commitRow(side, true, { state: suspended, epoch: rules.suspendEpoch ? side.epoch : side.epoch + 1 })
  if (!rules.suspendEpoch) publish(state, rules, number, side.epoch)
  for (const client of state.clients) {
    if (client.pc >= 2 && client.pc <= 4 && client.side === number) leave(client)
    if (client.orphan === number + 1) client.orphan = 0
  }
}
