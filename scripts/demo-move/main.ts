import { parseArgs } from 'node:util'
import { createClosing } from '../../base/closing.ts'
import { errorText } from '../../domain/errors.ts'
import { demonstrate } from './demonstration.ts'
import { openDisplay } from './display.ts'
import { startMoveStack } from './stack.ts'

/**
 * `npm run demo:move [-- --size 200] [-- --writers 6] [-- --json]`: moves a shop of so many megabytes to a database of its own while it
 * takes orders, back, and there for good, on a stack that it starts for itself. With `--json` the last line holds the figures. Ends
 * with 0 only if all is well.
 */
const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '200' },
    writers: { type: 'string', default: '6' },
    json: { type: 'boolean', default: false },
  },
})
const [megabytes, writers] = [Number(values.size), Number(values.writers)]
// The plan of the shop allows 20 sessions.
if (!(megabytes > 0) || !(Number.isInteger(writers) && writers >= 1 && writers <= 16)) {
  console.error('demo:move: --size is a number of megabytes, --writers a number from 1 to 16')
  process.exit(2)
}
const closing = createClosing()
const display = openDisplay(process.stdout)
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    display.close()
    void closing.close().finally(() => process.exit(130))
  })

const began = performance.now()
let figures: object = {}
let wrong: string[] = []
try {
  display.say('Starting PostgreSQL, Temporal, a bus, the API and a worker of its own …')
  const stack = await startMoveStack(closing)
  ;({ figures, wrong } = await demonstrate(stack, display, { megabytes, writers, quietMs: 3_000 }, closing))
} catch (error) {
  wrong = [errorText(error)]
}
display.close()
for (const fault of await closing.close()) console.error(fault)
const seconds = Math.round((performance.now() - began) / 1_000)
for (const what of wrong) console.error(`   ✗ NOT AS IT SHOULD BE: ${what}`)
console.log(wrong.length === 0 ? `\nAll is well, after ${seconds} s.` : `\nNot all is well, after ${seconds} s.`)
if (values.json) console.log(JSON.stringify({ ...figures, ok: wrong.length === 0, seconds }))
process.exit(wrong.length === 0 ? 0 : 1)
