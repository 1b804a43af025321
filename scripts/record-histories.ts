import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { runService } from '../base/service.ts'
import { cleanHistory } from './histories/clean.ts'
import { playScenarios } from './histories/scenarios.ts'
import { startRecordingStack } from './histories/stack.ts'

/**
 * `npm run histories`: records a history of every kind and ending anew, on a stack that it starts for itself, for the tests
 * that replay them. The old ones stay until all are recorded.
 */
await runService('histories', async (closing) => {
  const folder = new URL('../test/replay/histories/', import.meta.url)
  const { temporal, ...stack } = await startRecordingStack(closing)
  const recorded = new Map<string, string>()
  for await (const [name, workflowId] of playScenarios({ temporal, ...stack })) {
    const handle = temporal.workflow.getHandle(workflowId)
    // It tells its outcome to the registry a moment before its end.
    await handle.result().catch(() => undefined)
    recorded.set(`${name}.json`, cleanHistory(JSON.parse(historyToJSON(await handle.fetchHistory())) as object))
    console.error(`recorded ${name}`)
  }
  mkdirSync(folder, { recursive: true })
  for (const old of readdirSync(folder)) if (!recorded.has(old)) rmSync(new URL(old, folder))
  for (const [file, text] of recorded) writeFileSync(new URL(file, folder), text)
})
