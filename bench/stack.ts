import type { Client } from '@temporalio/client'
import { serveApi } from '../api/compose.ts'
import { createClosing, type Closing } from '../base/closing.ts'
import { startOwnStack } from '../local/own-stack.ts'
import type { Stack as LocalStack } from '../local/stack.ts'
import { compose, type Composition } from '../registry/compose.ts'
import { installSdkRuntime } from '../worker/sdk-runtime.ts'
import { startServiceProcess } from './service-process.ts'

/** Everything `npm start` has, on ports and in a state directory of its own; the worker is a process of its own. */
export type Stack = {
  deps: Composition
  client: Client
  temporalAddress: string
  temporalNamespace: string
  concurrency: number
  /** Base URL of the API and a key of a platform-admin. */
  api: { url: string; key: string }
  environment: Readonly<Record<string, string>>
  stateDir: string
  workerPid: number
}

const log = (line: string): void => console.error(`bench: ${line}`)

/**
 * Runs `work` with what it opens handed back afterwards, also when interrupted: the servers lead sessions of their own, so
 * a Ctrl-C does not reach them.
 */
export async function withClosing<T>(work: (closing: Closing) => Promise<T>): Promise<T> {
  const closing = createClosing()
  const close = async () => {
    for (const fault of await closing.close()) log(fault)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void close().finally(() => process.exit(130)))
  try {
    return await work(closing)
  } finally {
    await close()
  }
}

type Variables = Readonly<Record<string, string>>

/** New, durable servers with the standard configuration on free ports, prepared; their state is removed at the end. */
export function startBenchServers(closing: Closing, variables: Variables = {}): Promise<LocalStack> {
  // Counts statements; costs what it measures next to nothing.
  const postgresSettings = ['shared_preload_libraries=pg_stat_statements', 'pg_stat_statements.track=top']
  return startOwnStack(closing, { LOG_LEVEL: 'warn', ...variables }, { log, postgresSettings })
}

/** Runs `work` on a new stack; the stack is gone afterwards, also when interrupted. */
export async function withStack<T>(work: (stack: Stack) => Promise<T>, variables?: Variables): Promise<T> {
  return withClosing(async (closing) => {
    const { environment, stateDir, adminKey, temporalAddress } = await startBenchServers(closing, variables)
    const deps = await compose(environment, { parts: ['api'] }, closing)
    installSdkRuntime(deps.log)
    // As in production, so that the API's answers do not wait for the worker's work.
    const { pid: workerPid } = await startServiceProcess('worker', environment, closing)
    const url = await serveApi(deps, closing)
    return work({
      deps,
      client: deps.client,
      temporalAddress,
      temporalNamespace: deps.config.TEMPORAL_NAMESPACE,
      concurrency: deps.config.FREEHOLD_WORKER_CONCURRENCY,
      api: { url, key: adminKey },
      environment,
      stateDir,
      workerPid,
    })
  })
}
