import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { readConfig } from '../base/config.ts'
import { connectTemporal } from '../base/temporal.ts'

/** Keeps the history of one workflow as a replay fixture: `node scripts/record-histories.ts --workflow ID --name provision-failed`. */
const { values } = parseArgs({ options: { workflow: { type: 'string' }, name: { type: 'string' } } })
if (values.workflow === undefined || values.name === undefined) throw new Error('give --workflow and --name')
const config = readConfig(process.env)
const client = await connectTemporal({
  ...config,
  TEMPORAL_ADDRESS: config.TEMPORAL_ADDRESS ?? `127.0.0.1:${config.FREEHOLD_TEMPORAL_PORT}`,
})
const recorded = historyToJSON(await client.workflow.getHandle(values.workflow).fetchHistory())
// Where it was recorded is nobody's business and changes nothing in a replay.
const history = JSON.parse(recorded, (key, value: unknown) =>
  key === 'stackTrace' || key === 'identity' ? '' : value,
) as object
writeFileSync(new URL(`../test/replay/histories/${values.name}.json`, import.meta.url), `${JSON.stringify(history)}\n`)
await client.connection.close()
