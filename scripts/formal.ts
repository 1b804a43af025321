import { parseArgs } from 'node:util'
import { invariants } from '../test/formal/invariants.ts'
import { type Safeguard, safeguards } from '../test/formal/safeguards.ts'
import { search } from '../test/formal/search.ts'

/**
 * `npm run formal`: visits every state that the cut of a relocation can come to (test/formal). `--attempts`, `--clients` and
 * `--cuts` say how many of each, 1 to 3 (clients: 0 to 2); `--suspend` lets somebody suspend the tenant meanwhile, `--stop` lets the streams stop for good,
 * `--claims` has tries that take the sides by numbers;
 * `--without` leaves a safeguard out, as often as it is given. Prints how many states there are; where one breaks an
 * invariant, prints the steps that lead to it and ends with 1.
 */
const { values } = parseArgs({
  options: {
    attempts: { type: 'string', default: '2' },
    clients: { type: 'string', default: '1' },
    cuts: { type: 'string', default: '2' },
    suspend: { type: 'boolean', default: false },
    stop: { type: 'boolean', default: false },
    claims: { type: 'boolean', default: false },
    without: { type: 'string', multiple: true, default: [] },
  },
})
const left = values.without.filter((name): name is Safeguard => name in safeguards)
if (left.length < values.without.length) throw new Error(`--without is one of ${Object.keys(safeguards).join(', ')}`)
const bounds = {
  attempts: Number(values.attempts),
  clients: Number(values.clients),
  cuts: Number(values.cuts),
  suspend: values.suspend,
  stop: values.stop,
  claims: values.claims,
}

const start = performance.now()
const { states, steps, breach } = search(bounds, left)
const seconds = ((performance.now() - start) / 1_000).toFixed(1)
const memory = Math.round(process.memoryUsage.rss() / 1e6)
console.log(`${JSON.stringify(bounds)}: ${states} states, ${steps} steps, ${seconds} s, ${memory} MB`)
if (breach !== undefined) {
  console.log(`\n${breach.invariant} is broken: ${invariants[breach.invariant]}`)
  for (const [index, name] of breach.trace.entries()) console.log(`${String(index + 1).padStart(3)}  ${name}`)
  process.exitCode = 1
}
