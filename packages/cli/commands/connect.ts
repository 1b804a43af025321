import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { BusCredentials, DatabaseCredentials } from '@freehold/sdk'
import { CliError, exitCodes } from '../failures.ts'
import { awaitOperation } from '../outcome.ts'
import { print } from '../output.ts'
import type { Session } from '../session.ts'

type Options = { environment?: string; bus?: true; rotate?: true }

/**
 * `connect`: prints the connection URL of a tenant's database, or with `bus` the connection string of its topic, or runs a
 * command with the connection in its environment, where psql and every libpq program find it; the secret is on no command
 * line. With `rotate` it has password and key renewed first. Gives the exit code, that of the command if there is one.
 */
export async function connect(
  session: Session,
  tenant: string,
  command: readonly string[],
  { environment, bus, rotate }: Options,
): Promise<number> {
  const { client, io, format } = session
  // Asked first and without reading a secret, which is audited: what is refused must have changed nothing.
  const context = bus ? await client.getTenantContext(tenant, environment) : undefined
  if (context?.topology.events.transport === 'webhooks') throw noTopic(tenant, context.environment)
  if (rotate) await awaitOperation(session, (await client.rotateCredentials(tenant, { environment })).id)
  const credentials = await client.readCredentials(tenant, { environment })
  const topic = context === undefined ? undefined : credentials.bus
  if (topic === null) throw noTopic(tenant, credentials.environment)
  const [program, ...args] = command
  if (program === undefined) {
    print(io.stdout, format, credentials, () => topic?.connectionString ?? credentials.database.url)
    return exitCodes.ok
  }
  const connection =
    topic === undefined || context === undefined
      ? databaseEnv(credentials.database)
      : { ...busEnv(topic), TENANT_ID: context.tenantId }
  return run(program, args, { ...io.env, ...connection }, io.cwd)
}

function noTopic(tenant: string, environment: string): CliError {
  return new CliError(
    exitCodes.usage,
    `environment ${environment} of ${tenant} has no topic: its events go by webhooks`,
    {
      next: `freehold connect ${tenant}, without --bus, gives its database; where Freehold runs with EVENTS=service-bus, new tenants get a topic`,
    },
  )
}

/** What a tenant's service needs for its topic; every message there carries the id of the tenant. */
function busEnv({ connectionString, topic, subscription }: BusCredentials): Record<string, string> {
  return {
    SERVICE_BUS_CONNECTION_STRING: connectionString,
    SERVICE_BUS_TOPIC: topic,
    SERVICE_BUS_SUBSCRIPTION: subscription,
  }
}

function databaseEnv({ host, port, user, password, database, url }: DatabaseCredentials): Record<string, string> {
  return {
    PGHOST: host,
    PGPORT: String(port),
    PGDATABASE: database,
    PGUSER: user,
    PGPASSWORD: password,
    DATABASE_URL: url,
  }
}

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, cwd, stdio: 'inherit' })
    // A terminal sends Ctrl-C to both; psql cancels its query on it, so this process must stay until the child ends.
    const ignore = () => {}
    const terminate = () => child.kill('SIGTERM')
    process.on('SIGINT', ignore).on('SIGTERM', terminate)
    child.on('close', () => process.off('SIGINT', ignore).off('SIGTERM', terminate))
    child.on('error', (cause: NodeJS.ErrnoException) => {
      const exitCode = cause.code === 'ENOENT' ? exitCodes.commandNotFound : exitCodes.usage
      reject(
        new CliError(exitCode, `${program} does not start: ${cause.message}`, {
          next: 'install it, or check its name; without a command, connect prints the connection',
        }),
      )
    })
    child.on('exit', (code, signal) => resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal]))
  })
}
