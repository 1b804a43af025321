import pg, { type Client } from 'pg'
import { together } from '../mappers/database/connections.ts'
import type { Blocker } from '../../domain/relocation.ts'

/** Which end is looked at, and the role that owns the tenant's schema there; on the target it may not be made yet. */
export type ServerAsked = {
  readonly role: 'source' | 'target'
  readonly ownerRole: string
  /** How many moves there shall be room for at a time; 1. */
  readonly moves?: number
  /** From which age on a transaction is told of; 5,000. */
  readonly longMs?: number
}

type Limit = { code: string; setting: string; used: string; needed: number; what: string }

/**
 * What one move takes of a server. Both ends have the same, because the reverse direction stands before the cut. A slot has one
 * sender while it is read, and another makes its snapshot; a subscription has a worker, and one more for large transactions.
 */
const limits: Limit[] = [
  {
    code: 'no_free_slot',
    setting: 'max_replication_slots',
    used: 'pg_catalog.pg_replication_slots',
    needed: 1,
    what: 'replication slots',
  },
  {
    code: 'no_free_sender',
    setting: 'max_wal_senders',
    used: `pg_catalog.pg_stat_activity where backend_type = 'walsender'`,
    needed: 2,
    what: 'processes that send the log',
  },
  {
    code: 'no_free_worker',
    setting: 'max_logical_replication_workers',
    used: 'pg_catalog.pg_stat_subscription where pid is not null',
    needed: 2,
    what: 'workers of logical replication',
  },
  {
    code: 'no_free_origin',
    setting: 'max_active_replication_origins',
    used: 'pg_catalog.pg_replication_origin',
    needed: 1,
    what: 'replication origins',
  },
]

const setting = (name: string) => `(select setting from pg_catalog.pg_settings where name = '${name}')`

const limitQuery = ({ code, setting: name, used, needed: each, what }: Limit, moves: number) => {
  const needed = each * moves
  return `
  select '${code}', '${name}', pg_catalog.format('%s of %s ${what} are taken, and ${needed} more are needed', taken, allowed),
    pg_catalog.format('alter system set ${name} = %s, and restart the server', taken + ${needed})
  from (select pg_catalog.count(*) as taken, ${setting(name)}::int as allowed from ${used}) as l where allowed - taken < ${needed}`
}

const walLevel = `
  select 'wal_level', 'wal_level', pg_catalog.format('it is %s, and the changes of a schema can be told from logical on', ${setting('wal_level')}),
    'alter system set wal_level = logical, and restart the server' where ${setting('wal_level')} <> 'logical'`

/** A slot that nobody reads keeps the log for ever, unless the server says how much of it. */
const unboundedLog = `
  select 'unbounded_log', 'max_slot_wal_keep_size', 'a move whose worker is gone keeps the log of the server without bound',
    'alter system set max_slot_wal_keep_size = ''8GB'', and reload the server' where ${setting('max_slot_wal_keep_size')} = '-1'`

/** What the mover may do: SQL that is true when it may, and the statement that lets it. */
type Right = { readonly may: string; readonly why: string; readonly remedy: string }

/** The rights of the mover, as the database would be asked for them later, in the middle of a move. */
function rights({ role, ownerRole }: ServerAsked): Right[] {
  const attribute = (name: string) => `(select ${name} from pg_catalog.pg_roles where rolname = current_user)`
  const owner = pg.escapeLiteral(ownerRole)
  const isOwner = (how: string) => `pg_catalog.pg_has_role(current_user, oid, '${how}')`
  const exists = `exists (select from pg_catalog.pg_roles where rolname = ${owner})`
  const member = `exists (select from pg_catalog.pg_roles where rolname = ${owner} and ${isOwner('USAGE')} and ${isOwner('SET')})`
  const parameter = (name: string) => ({
    may: `pg_catalog.has_parameter_privilege('${name}', 'SET')`,
    why: `set ${name}`,
    remedy: `grant set on parameter ${name} to %I`,
  })
  const placement = `pg_catalog.to_regclass('tenancy.placement')`
  const onPlacement = ['SELECT', 'UPDATE'].map((right) => `pg_catalog.has_table_privilege(${placement}, '${right}')`)
  return [
    { may: attribute('rolreplication'), why: 'read replication slots', remedy: 'alter role %I replication' },
    { may: attribute('rolbypassrls'), why: 'read rows that a policy hides', remedy: 'alter role %I bypassrls' },
    {
      may: `pg_catalog.pg_has_role('pg_create_subscription', 'USAGE')`,
      why: 'make subscriptions',
      remedy: 'grant pg_create_subscription to %I',
    },
    parameter('session_replication_role'),
    parameter('deadlock_timeout'),
    {
      may: role === 'source' ? member : `(not ${exists} or ${member})`,
      why: `act as ${ownerRole}, with its rights and in its place`,
      remedy: `grant ${pg.escapeIdentifier(ownerRole)} to %I with inherit true, set true`,
    },
    {
      may: `pg_catalog.has_database_privilege(current_database(), 'CREATE')`,
      why: 'make publications',
      remedy: 'grant create on database %2$I to %1$I',
    },
    {
      may: `coalesce(${placement} is not null and pg_catalog.has_schema_privilege('tenancy', 'USAGE') and ${onPlacement.join(' and ')}, false)`,
      why: 'say which side is open',
      remedy: 'grant usage on schema tenancy to %1$I; grant select, update on tenancy.placement to %1$I',
    },
  ]
}

const rightQuery = ({ may, why, remedy }: Right) => `
  select 'right_missing', current_user::text, ${pg.escapeLiteral(`it may not ${why}`)},
    pg_catalog.format(${pg.escapeLiteral(remedy)}, current_user, current_database()) where not ${may}`

/** A slot is made only after every transaction of the server that writes has ended, whatever its database. */
const longTransactions = (longMs: number) => `
  select 'long_transaction', pg_catalog.format('process %s of role %s', pid, usename),
    pg_catalog.format('its transaction has been writing for %s s in database %s, and no slot is made before it ends',
      pg_catalog.round(extract(epoch from pg_catalog.clock_timestamp() - xact_start)), datname),
    pg_catalog.format('select pg_catalog.pg_terminate_backend(%s)', pid)
  from pg_catalog.pg_stat_activity where backend_xid is not null and pid <> pg_catalog.pg_backend_pid()
    and xact_start < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => ${longMs / 1000})`

/**
 * What one end's server lacks for a move, asked as the mover: settings, what is free of them, and the mover's own rights; as a
 * warning, who holds up the making of a slot. The space on its disk is not told: PostgreSQL tells it to nobody.
 */
export async function serverBlockers(client: Client, asked: ServerAsked): Promise<Blocker[]> {
  const { moves = 1, longMs = 5_000 } = asked
  const queries = [walLevel, ...limits.map((limit) => limitQuery(limit, moves)), ...rights(asked).map(rightQuery)]
  const named = (query: string) => `select * from (${query}) as found (code, object, message, remedy)`
  const [found, waiting] = await together(
    client,
    named(queries.join(' union all ')),
    named(`${longTransactions(longMs)} union all ${unboundedLog}`),
  )
  const warnings = (waiting?.rows ?? []) as Blocker[]
  return [...((found?.rows ?? []) as Blocker[]), ...warnings.map((one): Blocker => ({ ...one, isWarning: true }))]
}
