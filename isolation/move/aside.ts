import pg, { type Client } from 'pg'
import { untilAborted } from '../abort.ts'
import { together } from '../mappers/database/connections.ts'
import { filledViews, nameIn, textSettings } from '../mappers/database/tables.ts'
import {
  alwaysTriggers,
  attachments,
  checksAside,
  constraintsAside,
  indexesAside,
  marks,
  type AsideRow,
} from './aside-queries.ts'

/** One statement of the rebuilding. */
export type BuildItem = {
  readonly title: string
  readonly statement: string
  /** SQL that is true when there is nothing left to do; without it the statement may run again as it is. */
  readonly built?: string
  /** What it will take on the disk, roughly. */
  readonly bytes?: number
}

/**
 * What stands in the way of rows, as the source has it. All statements may run again, so a move that has crashed goes on from
 * the stored lists, or from lists read anew.
 */
export type Aside = {
  /** Foreign keys first, because they stand on indexes. */
  readonly drop: readonly string[]
  readonly build: readonly BuildItem[]
  /** Puts triggers that fire for replicated rows to sleep: on the target before the copy, on the source when it becomes the copy. */
  readonly quiet: readonly string[]
  /** Wakes them again: on the side that opens. */
  readonly wake: readonly string[]
  /** Materialized views that are filled: their rows are no part of the stream. Once more after the cut, for what came after the copy. */
  readonly refresh: readonly BuildItem[]
}

/**
 * Reads from the source what is put aside on the target while it is filled: foreign keys, checks that call functions, unique and
 * exclusion constraints and indexes, but for primary keys and what replication finds rows by. The session is set to print names in
 * full, and values as the target will read them.
 */
export async function asideOf(source: Client, schema: string): Promise<Aside> {
  const read = async (query: string) => (await source.query<AsideRow>(query, [schema])).rows
  await together(source, 'set search_path = pg_catalog', ...textSettings)
  const indexes = await read(indexesAside)
  const constraints = await read(constraintsAside)
  const checks = await read(checksAside)
  const attach = await read(attachments)
  const marked = await read(marks)
  const triggers = await source.query<{ quiet: string; wake: string }>(alwaysTriggers, [schema])
  const views = await filledViews(source, schema)
  return {
    drop: [...checks, ...fromRoots(constraints), ...fromRoots(indexes)].map(({ drop }) => drop),
    build: [
      ...[...constraints, ...indexes].map(item),
      ...attach.map(item),
      ...marked.map(item),
      ...checks.map(item),
      await statistics(source, schema),
    ],
    quiet: triggers.rows.map(({ quiet }) => quiet),
    wake: triggers.rows.map(({ wake }) => wake),
    refresh: views.map((name) => {
      const statement = `refresh materialized view ${nameIn(schema, name)}`
      return { title: `materialized view ${name}`, statement }
    }),
  }
}

/** An index of a partition goes with that of the parent, and alone only while it is not attached to one. */
const fromRoots = (rows: readonly AsideRow[]) => rows.toSorted((a, b) => a.level - b.level)

const item = ({ title, build, built, bytes }: Partial<AsideRow> & Pick<AsideRow, 'title' | 'build'>): BuildItem => ({
  title,
  statement: build,
  ...(built === undefined ? {} : { built }),
  ...(bytes === undefined || bytes === null ? {} : { bytes: Number(bytes) }),
})

/** A copy has none, and the first queries after the cut would be planned without. */
async function statistics(source: Client, schema: string): Promise<BuildItem> {
  const { rows } = await source.query<{ name: string }>(
    `select c.relname::text as name from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relkind in ('r', 'p') and not c.relispartition order by c.relname collate "C"`,
    [schema],
  )
  const names = rows.map(({ name }) => nameIn(schema, name))
  return { title: 'statistics', statement: names.length === 0 ? 'select' : `analyze ${names.join(', ')}` }
}

/** Puts aside on the target what `asideOf` has read, in one transaction: with rows on their way there is no half of it. */
export async function putAside(target: Client, { drop, quiet }: Aside): Promise<void> {
  await together(target, 'begin', ...drop, ...quiet, 'commit')
}

export type BuildOptions = {
  readonly signal: AbortSignal
  /** Called after each statement with how many of all are done. */
  readonly onProgress?: (progress: { title: string; done: number; all: number }) => void
  /** For sorting the entries of an index, such as `256MB`; the server's own by default. */
  readonly maintenanceWorkMem?: string
}

/**
 * Makes what was put aside, one statement at a time and each without helpers of PostgreSQL's, so that the target's other tenants
 * keep their processors. What is there already is passed over. Throws what PostgreSQL answers, or the signal's reason; the session
 * is then still at work, and is the caller's to end.
 */
export async function buildAside(
  target: Client,
  list: readonly BuildItem[],
  { signal, onProgress, maintenanceWorkMem }: BuildOptions,
): Promise<void> {
  const settings = [
    'set max_parallel_maintenance_workers = 0',
    // A materialized view is filled by its owner, whom a policy may be forced on: it sees what it saw on the source.
    'set row_security = on',
    ...(maintenanceWorkMem === undefined ? [] : [`set maintenance_work_mem = ${pg.escapeLiteral(maintenanceWorkMem)}`]),
  ]
  await untilAborted(signal, together(target, ...settings))
  try {
    for (const [index, { title, statement, built }] of list.entries()) {
      if (!(await isBuilt(target, built, signal))) await untilAborted(signal, target.query(statement))
      onProgress?.({ title, done: index + 1, all: list.length })
    }
  } finally {
    const names = ['max_parallel_maintenance_workers', 'row_security', 'maintenance_work_mem']
    if (!signal.aborted) await together(target, ...names.map((name) => `reset ${name}`))
  }
}

async function isBuilt(target: Client, built: string | undefined, signal: AbortSignal): Promise<boolean> {
  if (built === undefined) return false
  const { rows } = await untilAborted(signal, target.query<{ built: boolean }>(`select ${built} as built`))
  return rows[0]?.built === true
}
