import { parseArgs } from 'node:util'
import { createClosing } from '../../base/closing.ts'
import { errorText } from '../../domain/errors.ts'
import { startDemoStack } from './stack.ts'
import { stations } from './stations.ts'
import { openTenant } from './tenant.ts'

/**
 * `npm run demo:life [-- --profile st-dedicated] [-- --json]`: takes a tenant with data through its whole life on a stack that it
 * starts for itself, and says at each station what it proves. With `--json` the last line holds the figures. Ends with 0 only
 * if all is well.
 */
const { values } = parseArgs({
  options: { profile: { type: 'string', default: 'mt-standard' }, json: { type: 'boolean', default: false } },
})
const closing = createClosing()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void closing.close().finally(() => process.exit(130)))

const began = performance.now()
const figures: Record<string, unknown> = { profile: values.profile }
try {
  console.log('Starting PostgreSQL, Temporal, a bus, the API and a worker of its own …')
  const tenant = openTenant(await startDemoStack(closing), values.profile)
  for (const [index, { name, proves, run }] of stations.entries()) {
    console.log(`\n${index + 1}. ${name}\n   ${proves}`)
    const since = performance.now()
    const found = await run(tenant, (line) => console.log(`   ✓ ${line}`))
    figures[name] = { ms: Math.round(performance.now() - since), ...found }
  }
  figures['ok'] = true
} catch (error) {
  process.exitCode = 1
  figures['ok'] = false
  console.error(`\n   ✗ NOT AS IT SHOULD BE: ${errorText(error)}`)
}
for (const fault of await closing.close()) console.error(fault)
const seconds = Math.round((performance.now() - began) / 1_000)
console.log(figures['ok'] ? `\nAll is well, after ${seconds} s.` : `\nNot all is well, after ${seconds} s.`)
if (values.json) console.log(JSON.stringify({ ...figures, seconds }))
process.exit()
