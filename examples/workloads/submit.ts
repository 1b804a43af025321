import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import { createTenantContexts } from '@freehold/sdk'
import { Connection } from '@temporalio/client'
import { readSettings } from './settings.ts'
import { submitTask } from './submit-task.ts'

const usage = `usage: submit.ts SLUG [--environment NAME] [--count N] [--milliseconds N]
  starts tasks of a tenant and tells when each is done`
const { positionals, values } = readArguments()
const [slug] = positionals
const count = Number(values.count)
const milliseconds = Number(values.milliseconds)
if (values.help) {
  console.log(usage)
  process.exit()
}
if (slug === undefined || !(count >= 1) || !(milliseconds >= 0)) {
  console.error(usage)
  process.exit(2)
}

try {
  const { api, temporalAddress } = readSettings()
  const context = await createTenantContexts(api).read(slug, values.environment)
  const connection = await Connection.connect({ address: temporalAddress }).catch((cause: unknown) => {
    throw new Error(`cannot reach Temporal at ${temporalAddress}; TEMPORAL_ADDRESS says where it is`, { cause })
  })
  const run = randomUUID().slice(0, 8)
  const tasks = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      submitTask(connection, context, `${run}-${index + 1}`, { name: `task ${index + 1}`, milliseconds }),
    ),
  )
  console.log(
    context.state === 'active'
      ? `submitted ${count}`
      : `submitted ${count}; they wait, because ${slug} is ${context.state}. Ctrl-C leaves them waiting.`,
  )
  await Promise.all(tasks.map(async (task) => console.log(await task.result())))
  await connection.close()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        environment: { type: 'string', default: 'prod' },
        count: { type: 'string', default: '1' },
        milliseconds: { type: 'string', default: '100' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (error) {
    // The sentences after the first are for who wrote the options.
    console.error(`submit.ts: ${(error instanceof Error ? error.message : String(error)).split('. ')[0]}\n${usage}`)
    process.exit(2)
  }
}
