import { attemptSteps } from './attempt.ts'
import { claimSteps } from './claim.ts'
import { clientSteps } from './client.ts'
import { type Breach, breachOf, isAtRest } from './invariants.ts'
import { itemOf, type Step } from './model.ts'
import { Packer } from './pack.ts'
import { resolveSteps } from './resolve.ts'
import { rulesWithout, type Safeguard } from './safeguards.ts'
import { serverSteps, stopStreams } from './servers.ts'
import { type Bounds, initial, visit } from './state.ts'
import { Store } from './store.ts'
import { suspendActor } from './suspend.ts'
import { workflowSteps } from './workflow.ts'

/** Words of a packed state; one of the largest bounds needs them all. */
const width = 8

/** What a search has found: how many states there are, or the shortest way to one that breaks an invariant. */
export type Found = {
  readonly states: number
  readonly steps: number
  /** Steps that could be taken nowhere: of these the search says nothing. */
  readonly untaken: readonly string[]
  readonly breach?: { readonly invariant: Breach; readonly trace: readonly string[] }
}

/**
 * Visits every state that can be reached within these bounds, breadth first, so that a trace is as short as can be.
 * @param left safeguards that are left out
 * @throws RangeError for bounds that a packed state has no room for, and where there are more states than `limit`, for then
 * nothing is known
 */
export function search(bounds: Bounds, left: readonly Safeguard[] = [], limit = 50_000_000): Found {
  const { attempts, clients, cuts } = bounds
  const fits = [attempts, clients, cuts].every(Number.isInteger) && attempts <= 3 && clients <= 2 && cuts <= 3
  if (!fits || attempts < 1 || clients < 0 || cuts < 1)
    throw new RangeError('1 to 3 attempts, 0 to 2 clients, 1 to 3 cuts')
  const rules = rulesWithout(left)
  const state = initial(bounds, rules.targetTrigger)
  const packer = new Packer()
  const walk = (words: Int32Array, reads: boolean) => {
    packer.begin(words, reads)
    visit(state, packer)
  }
  const store = new Store(width)
  const [source, target] = [new Int32Array(width), new Int32Array(width)]
  const each = <T>(count: number, make: (number: number) => T[]) =>
    Array.from({ length: count }, (_, n) => make(n)).flat()
  const actions: Step[] = [
    ...each(attempts, (worker) =>
      bounds.claims ? claimSteps(rules, worker) : [...attemptSteps(rules, worker), ...resolveSteps(rules, worker)],
    ),
    ...each(clients, (client) => clientSteps(rules, client)),
    ...each(2, (side) => serverSteps(rules, side)),
    ...workflowSteps(rules, bounds),
    ...(bounds.suspend ? suspendActor(rules) : []),
    ...(bounds.stop ? [stopStreams] : []),
  ]
  const parents = new Numbers()
  const ways = new Numbers()
  /** The state that the way back to rest leads to next; itself at rest, -1 for none. */
  const homes = new Numbers()
  const taken = new Set<Step>()
  let steps = 0

  walk(target, false)
  store.add(target)
  for (let number = 0; number < store.size; number += 1) {
    if (number > limit) throw new RangeError(`more than ${limit} states`)
    store.read(number, source)
    walk(source, true)
    let best = isAtRest(state) ? Infinity : 0
    homes.set(number, best === 0 ? -1 : number)
    let fresh = true
    for (let index = 0; index < actions.length; index += 1) {
      const action = itemOf(actions, index)
      if (!fresh) walk(source, true)
      fresh = !action.run(state)
      if (fresh) continue
      steps += 1
      taken.add(action)
      target.fill(0)
      walk(target, false)
      const before = store.size
      const next = store.add(target)
      if (next === before) {
        parents.set(next, number)
        ways.set(next, index)
      }
      const broken = next === before || state.breach !== undefined ? breachOf(state) : undefined
      if (broken !== undefined) return found(broken, [...trace(number), action.name])
      if (action.heals > best && next !== number) {
        best = action.heals
        homes.set(number, next)
      }
    }
  }
  const stuck = withoutHome()
  return stuck === undefined ? counted() : found('I4', trace(stuck))

  function counted(): Omit<Found, 'breach'> {
    const untaken = actions.filter((action) => !taken.has(action)).map(({ name }) => name)
    return { states: store.size, steps, untaken }
  }

  function found(invariant: Breach, names: string[]): Found {
    return { ...counted(), breach: { invariant, trace: names } }
  }

  function trace(number: number): string[] {
    const names: string[] = []
    for (let at = number; at !== 0; at = parents.get(at)) names.unshift(actions[ways.get(at)]?.name ?? '')
    return names
  }

  /** The first state whose way back to rest ends elsewhere or goes round; undefined when there is none. */
  function withoutHome(): number | undefined {
    const seen = new Numbers()
    for (let number = 0; number < store.size; number += 1) {
      let at = number
      for (; seen.get(at) === 0; at = homes.get(at)) {
        seen.set(at, number + 1)
        if (homes.get(at) === at) break
        if (homes.get(at) === -1) return number
      }
      if (seen.get(at) === number + 1 && homes.get(at) !== at) return number
    }
    return undefined
  }
}

/** Numbers by place, 0 where none was set; grows by itself. */
class Numbers {
  #items = new Int32Array(1 << 12)

  get(place: number): number {
    return this.#items[place] ?? 0
  }

  set(place: number, value: number): void {
    if (place >= this.#items.length) {
      const items = new Int32Array(Math.max(this.#items.length * 2, place + 1))
      items.set(this.#items)
      this.#items = items
    }
    this.#items[place] = value
  }
}
