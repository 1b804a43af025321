import pg, { type Client, type QueryResult } from 'pg'
import type { Lease } from './capped-pool.ts'
import type { Place } from './login-of.ts'
import { TenantDatabaseError } from './tenant-database-error.ts'
import { sqlStateOf, verdictOf, type Stage, type Verdict } from './verdict.ts'

/** What the work gets: a connection within the transaction. It is not to be kept, and the transaction not to be ended. */
export type TenantClient = Pick<Client, 'query'>

export type Work<T> = {
  readonly fn: (client: TenantClient) => Promise<T>
  readonly key: string | undefined
  readonly signal: AbortSignal | undefined
}

/** How a try ended. `isAnswered`: the key was looked up, and had not been committed before. */
export type Ended<T> =
  | { readonly kind: 'committed'; readonly value: T }
  | { readonly kind: 'failed'; readonly error: unknown; readonly verdict: Verdict; readonly isAnswered: boolean }

/** For the statements around the work. The one at the gate waits for a cut, which takes less than a second. */
const ownMs = 10_000
const commitMs = 30_000

/**
 * One transaction on one side: the gate, the key, the work, COMMIT. Gives back the connection, usable as before or closed.
 * Throws nothing.
 */
export async function tryOnce<T>(lease: Lease, { epoch, schema }: Place, work: Work<T>): Promise<Ended<T>> {
  const { client } = lease
  const keys = `${pg.escapeIdentifier(schema)}._freehold_keys`
  const enter = `begin; select freehold.enter(${BigInt(epoch)})`
  const progress: { stage: Stage; isAnswered: boolean } = { stage: 'enter', isAnswered: false }
  const stop = () => void client.end()

  try {
    const value = await run()
    lease.release()
    return { kind: 'committed', value }
  } catch (error) {
    const { stage, isAnswered } = progress
    // Behind a statement of our own that got no answer, another would wait as long.
    const isUsable = (stage === 'work' || sqlStateOf(error) !== undefined) && (await rolledBack())
    const verdict = await asked(verdictOf(error, stage, { epoch, isLost: lease.isLost() }))
    lease.release(!isUsable)
    const isUnprepared = stage === 'enter' && verdict.kind === 'final'
    return { kind: 'failed', error: isUnprepared ? unprepared(error) : error, verdict, isAnswered }
  }

  async function run(): Promise<T> {
    const { fn, key, signal } = work
    if (key === undefined) await own(enter)
    else {
      const literal = pg.escapeLiteral(key)
      const insert = `insert into ${keys} (key) values (${literal}) on conflict do nothing returning key`
      if ((await own(`${enter}; ${insert}`)).at(-1)?.rowCount === 0) return stored(literal)
      progress.isAnswered = true
    }
    progress.stage = 'work'
    const value = await worked(fn)
    signal?.throwIfAborted()
    const result = key === undefined ? value : await store(key, value)
    assertOpen()
    progress.stage = 'commit'
    const [answer] = await own('commit', commitMs)
    if (answer?.command !== 'COMMIT') {
      progress.stage = 'work'
      throw notCommitted('a statement failed')
    }
    return result
  }

  async function worked(fn: Work<T>['fn']): Promise<T> {
    const { signal } = work
    signal?.throwIfAborted()
    signal?.addEventListener('abort', stop, { once: true })
    try {
      return await fn(client)
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }

  /** What the transaction gave that was committed under the key before. */
  async function stored(literal: string): Promise<T> {
    const [found] = await own(`select result::text as result from ${keys} where key = ${literal}; rollback`)
    const text: unknown = found?.rows[0]?.result
    return (typeof text === 'string' ? JSON.parse(text) : undefined) as T
  }

  /** Writes down what the work gave. It is given as it will be read later, so that the first time is like any other. */
  async function store(key: string, value: T): Promise<T> {
    const text: string | undefined = JSON.stringify(value)
    if (text === undefined) return value
    await client.query({ text: `update ${keys} set result = $2 where key = $1`, values: [key, text] })
    return JSON.parse(text) as T
  }

  /** Once COMMIT is sent, a connection that breaks leaves a doubt; before that it leaves none. */
  function assertOpen(): void {
    if (lease.isLost()) throw new Error('the connection was lost before COMMIT was sent')
    const status = client.getTransactionStatus()
    if (status === 'E') throw notCommitted('a statement failed, and the work went on')
    if (status !== 'T') throw notCommitted('the work ended the transaction')
  }

  async function rolledBack(): Promise<boolean> {
    if (lease.isLost()) return false
    if (client.getTransactionStatus() === 'I') return true
    return own('rollback').then(
      () => true,
      () => false,
    )
  }

  /** A right that is missing is a mistake of the work, or the sign of a side that was closed meanwhile: the gate knows. */
  async function asked(verdict: Verdict): Promise<Verdict> {
    if (verdict.kind !== 'ask') return verdict
    const error: unknown = await own(enter).then(
      () => undefined,
      (refusal: unknown) => refusal,
    )
    await rolledBack()
    return error === undefined ? { kind: 'final' } : verdictOf(error, 'enter', { epoch, isLost: lease.isLost() })
  }

  /** The results of statements of our own; several come as an array, which the types of pg do not tell. */
  async function own(text: string, ms = ownMs): Promise<QueryResult<{ result?: unknown }>[]> {
    return [await client.query<{ result?: unknown }>({ text, query_timeout: ms } as pg.QueryConfig)].flat()
  }
}

function unprepared(cause: unknown): TenantDatabaseError {
  return new TenantDatabaseError(
    'configuration_invalid',
    'the database has no freehold.enter, or the schema no table of keys: bootstrap the cell and update the tenant with this release',
    { cause },
  )
}

function notCommitted(why: string): TenantDatabaseError {
  return new TenantDatabaseError('rolled_back', `the transaction was rolled back: ${why}`)
}
