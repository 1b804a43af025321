import { closest } from 'fastest-levenshtein'
import { z } from 'zod'
import { FreeholdError } from '../domain/errors.ts'
import { networks } from './networks.ts'

const port = (standard: number) => z.coerce.number().int().min(0).max(65_535).default(standard)
const databaseUrl = () =>
  z
    .string()
    .refine(
      (text) => /^postgres(ql)?:\/\//.test(text) && URL.canParse(text),
      'must be a URL such as postgresql://user:password@host:5432/name',
    )
    .optional()
/** The longest that a timer of Node waits, and a statement of PostgreSQL may take: a longer one is over at once. */
const longestMs = 2 ** 31 - 1
const milliseconds = (standard: number) => z.coerce.number().int().min(1).max(longestMs).default(standard)

/**
 * Every variable Freehold reads, with its default and its meaning: the README's table is made from this, and a test keeps
 * them alike. Variables that begin with FREEHOLD_ and are not here are refused, because a typo must not be ignored.
 */
const schema = z.object({
  DATABASE_URL: databaseUrl().describe('Registry database. Unset: an embedded PostgreSQL in the state directory'),
  DATABASE_ADMIN_URL: databaseUrl().describe(
    'The same database as a role that may migrate it and create roles. Default: DATABASE_URL',
  ),
  TEMPORAL_ADDRESS: z.string().optional().describe('host:port of a Temporal server. Unset: an embedded dev server'),
  TEMPORAL_NAMESPACE: z.string().default('freehold').describe('Temporal namespace of the control plane'),
  TEMPORAL_TLS: z
    .enum(['true', 'false'])
    .optional()
    .describe('Whether Temporal is reached over TLS. Default: true where one of the next five is set, else false'),
  TEMPORAL_TLS_CA_FILE: z
    .string()
    .optional()
    .describe('Certificates (PEM) to trust for the Temporal server instead of the public ones'),
  TEMPORAL_TLS_CERT_FILE: z.string().optional().describe('Client certificate (PEM) to show to the Temporal server'),
  TEMPORAL_TLS_KEY_FILE: z.string().optional().describe('Private key (PEM) of the client certificate'),
  TEMPORAL_TLS_SERVER_NAME: z
    .string()
    .optional()
    .describe('Name in the Temporal server’s certificate, where it is not that of the address'),
  TEMPORAL_API_KEY: z.string().optional().describe('API key of the Temporal server: env:NAME or file:PATH'),
  TEMPORAL_CLI_PATH: z.string().optional().describe('Temporal CLI binary to start the dev server with'),
  FREEHOLD_TASK_QUEUE: z.string().default('freehold').describe('Task queue of the control plane'),
  FREEHOLD_STATE_DIR: z.string().default('.freehold').describe('Where the embedded stack keeps its state'),
  FREEHOLD_HOST: z.string().default('127.0.0.1').describe('Address the API listens on'),
  FREEHOLD_PORT: port(7070).describe('Port of the API'),
  FREEHOLD_METRICS_PORT: port(0).describe(
    'Port on FREEHOLD_HOST for /metrics, /healthz and /readyz of a worker that runs by itself; 0: none',
  ),
  FREEHOLD_POSTGRES_PORT: port(7432).describe('Port of the embedded PostgreSQL'),
  FREEHOLD_TEMPORAL_PORT: port(7233).describe('Port of the embedded Temporal server'),
  FREEHOLD_TEMPORAL_UI_PORT: port(8233).describe('Port of the embedded Temporal Web UI'),
  FREEHOLD_SERVICE_BUS_PORT: port(7672).describe('Port of the development broker'),
  FREEHOLD_SERVICE_BUS_ADMIN_PORT: port(7673).describe('Port of the management side of the development broker'),
  FREEHOLD_TEMPORAL_UI_URL: z
    .string()
    .optional()
    .describe('Address of the Temporal Web UI, for links. Default: that of the embedded one'),
  FREEHOLD_PLATFORM_FILE: z.string().default('examples/platform.yaml').describe('Regions, plans and cells on offer'),
  FREEHOLD_MIGRATIONS_DIR: z
    .string()
    .default('examples/schemas')
    .describe('Migration sets of the tenants’ databases; empty: none'),
  FREEHOLD_PLATFORM_KEY: z
    .string()
    .optional()
    .describe(
      'Key that wraps the tenants’ keys: env:NAME or file:PATH of 32 bytes in base64. Unset: made in the state directory',
    ),
  FREEHOLD_WAREHOUSE_URL: z
    .string()
    .optional()
    .describe(
      'Provisioner of the example cell’s database (env:FREEHOLD_WAREHOUSE_URL in the platform file). Unset: made by the embedded stack',
    ),
  EVENTS: z
    .enum(['service-bus', 'webhooks'])
    .default('service-bus')
    .describe('How events leave: by the buses of the platform file, or, without any bus, by webhooks alone'),
  SERVICE_BUS_CONNECTION_STRING: z
    .string()
    .optional()
    .describe(
      'Namespace of the example bus, with a key that may manage, send and listen (env:SERVICE_BUS_CONNECTION_STRING in the platform file). Unset: the development broker of the embedded stack',
    ),
  SERVICE_BUS_ADMIN_CONNECTION_STRING: z
    .string()
    .optional()
    .describe('The same for management, where that has another address. Default: SERVICE_BUS_CONNECTION_STRING'),
  SERVICE_BUS_CA_FILE: z
    .string()
    .optional()
    .describe('Certificates (PEM) to trust for the management side of a bus besides the public ones'),
  FREEHOLD_ACTIVITY_TIMEOUT_MS: milliseconds(60_000).describe('Longest time one try of a step may take'),
  FREEHOLD_MIGRATION_TIMEOUT_MS: milliseconds(3_600_000).describe('Longest time one try of a migration may take'),
  FREEHOLD_ARCHIVE_TIMEOUT_MS: milliseconds(21_600_000).describe(
    'Longest time one try may take to export, read back, import or compare what a resource holds',
  ),
  FREEHOLD_ACTIVITY_ATTEMPTS: z.coerce
    .number()
    .int()
    .min(1)
    .default(10)
    .describe('Tries of a step that the world refuses before an operation that can be undone fails'),
  FREEHOLD_OWN_SERVERS_DENY: z
    .string()
    .default('169.254.0.0/16,fe80::/10,fd00:ec2::254/128')
    .refine((text) => networks(text) !== undefined, 'must be networks such as 10.0.0.0/8,fd00::/8')
    .describe('Networks in which no server of a tenant’s own may be: add those of the platform itself'),
  FREEHOLD_SWEEP_INTERVAL_MS: milliseconds(2_000).describe('How often the worker looks for operations left behind'),
  FREEHOLD_CHECKPOINT_INTERVAL_MS: milliseconds(600_000).describe(
    'How often the heads of the audit trail are signed, when something is new',
  ),
  FREEHOLD_SIGNING_KEY_VERSION: z.coerce
    .number()
    .int()
    .min(1)
    .default(1)
    .describe('Which signing key is derived from the platform key: one more is another key'),
  FREEHOLD_WORKER_CONCURRENCY: z.coerce
    .number()
    .int()
    .min(1)
    .max(200)
    .default(20)
    .describe('Steps one worker carries out at a time'),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('Least level that is logged'),
  LOG_FORMAT: z.enum(['json', 'pretty']).optional().describe('Default: pretty on a terminal, else json'),
})

export type Config = Readonly<z.output<typeof schema>>

/**
 * Parses the environment once. An empty variable counts as unset, but for FREEHOLD_MIGRATIONS_DIR, where empty means none.
 * Throws `configuration_invalid`, naming the variable; never its value, which may be a secret.
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const known = Object.keys(schema.shape)
  const given = Object.entries(environment).filter(
    ([name, value]) => value !== undefined && (value !== '' || name === 'FREEHOLD_MIGRATIONS_DIR'),
  )
  const strange = given
    .map(([name]) => name)
    .find(
      (name) =>
        name.startsWith('FREEHOLD_') &&
        !known.includes(name) &&
        !name.startsWith('FREEHOLD_CELL_') &&
        !cliVariables.includes(name),
    )
  if (strange !== undefined)
    throw new FreeholdError(
      'configuration_invalid',
      `unknown variable ${strange}; did you mean ${closest(strange, known)}?`,
    )
  const parsed = schema.safeParse(Object.fromEntries(given))
  if (parsed.success) return withServer(parsed.data)
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  throw new FreeholdError('configuration_invalid', `the environment is not usable: ${faults.join('; ')}`)
}

/** The embedded Temporal server speaks no TLS and asks for no key, so settings for another one are a mistake without it. */
function withServer(config: Config): Config {
  const lost = Object.keys(config).find((name) => /^TEMPORAL_(TLS|API_KEY)/.test(name))
  if (lost === undefined || config.TEMPORAL_ADDRESS !== undefined) return config
  throw new FreeholdError(
    'configuration_invalid',
    `${lost} is set without TEMPORAL_ADDRESS; name the server it is for, or unset it`,
  )
}

/** The variables that are set: an empty one counts as unset, so it must not hide a value from elsewhere. */
export function setVariables(
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''),
  )
}

/** Variables of the command line client, which may stand in the same environment. */
const cliVariables = ['FREEHOLD_URL', 'FREEHOLD_API_KEY', 'FREEHOLD_API_KEY_FILE']

/** Name, default and meaning of every variable, for the README. */
export function describeConfig(): { name: string; standard: string; meaning: string }[] {
  return Object.entries(schema.shape).map(([name, type]) => {
    const standard = type instanceof z.ZodDefault ? String(type.def.defaultValue) : ''
    return { name, standard, meaning: type.description ?? '' }
  })
}
