import { bundleWorkflowCode } from '@temporalio/worker'

/** Writes the bundle of the file of workflows that is named to standard output; `workflowBundle` runs it. */
const [, , workflowsPath = ''] = process.argv
const silent = () => {}
const logger = { trace: silent, debug: silent, info: silent, warn: console.error, error: console.error, log: silent }
const { code } = await bundleWorkflowCode({ workflowsPath, logger })
process.stdout.write(code)
