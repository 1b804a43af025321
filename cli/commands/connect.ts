import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Answers, Credentials, DatabaseCredentials } from '../api-types.ts'
import { CliError, exitCodes } from '../failures.ts'
import { awaitOperation } from '../outcome.ts'
import { print } from '../output.ts'
import { path } from '../paths.ts'
import type { Session } from '../session.ts'

type Rotated = Answers['POST /v1/tenants/{idOrSlug}/credentials']['202']

/**
 * `connect`: prints the connection URL of a tenant's database, or runs a command with the connection in its environment,
 * where psql and every libpq program find it; the password is on no command line. With `rotate` it has a new password
 * made first. Gives the exit code, that of the command if there is one.
 */
export async function connect(
  session: Session,
  tenant: string,
  command: readonly string[],
  { environment, rotate }: { environment?: string; rotate?: true },
): Promise<number> {
  const { client, io, format } = session
  const to = path('tenants', tenant, 'credentials')
  const ask = environment === undefined ? {} : { environment }
  const body = (value: object) => ({ type: 'application/json', text: JSON.stringify(value) })
  if (rotate) {
    const { operation } = await client.change<Rotated>('POST', to, body({ ...ask, rotate }))
    await awaitOperation(session, operation.id)
  }
  const credentials = await client.change<Credentials>('POST', to, body(ask))
  const [program, ...args] = command
  if (program !== undefined) return run(program, args, { ...io.env, ...connectionEnv(credentials.database) }, io.cwd)
  print(io.stdout, format, credentials, () => credentials.database.url)
  return exitCodes.ok
}

function connectionEnv({ host, port, user, password, database, url }: DatabaseCredentials): Record<string, string> {
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
          next: 'install it, or check its name; without a command, connect prints the URL',
        }),
      )
    })
    child.on('exit', (code, signal) => resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal]))
  })
}
