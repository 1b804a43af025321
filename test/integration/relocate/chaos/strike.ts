import { setTimeout as sleep } from 'node:timers/promises'
import type { Fate, Seen } from '../../../support/statement-proxy.ts'
import type { Plan } from './plan.ts'
import type { Stage } from './stage.ts'

/** Whom a fault is about. */
export type Victim = { readonly schema: string; readonly owner: string; readonly app: string }

/** A fault that is armed: whether it was sprung, and an end of what it has left running. */
export type Strike = { readonly isSprung: () => boolean; over(): Promise<void> }

/** How long a statement of the tenant may keep the mover waiting at the trap. */
const tenantMs = 300

/** Sets the trap of a plan: the fault happens once, at the statement that the plan names. */
export function arm(stage: Stage, { point, nth, when, fault, lastsMs }: Plan, victim: Victim): Strike {
  let count = 0
  let sprung = false
  const after: Promise<unknown>[] = []
  stage.proxy.watch(({ text, application }: Seen) => {
    if (sprung || !isOurs(application) || !point.text.test(text)) return undefined
    count += 1
    if (count !== nth) return undefined
    sprung = true
    return { when, spring }
  })

  async function spring(): Promise<Fate> {
    switch (fault) {
      case 'kill':
        await stage.workers.kill()
        return 'cut'
      case 'stall':
        // Longer than a lease, so that another try is alive by then.
        after.push(stage.workers.stall(sleep(2_500 + lastsMs)))
        return 'pass'
      case 'cut':
      case 'hang':
        return fault
      case 'outage':
        after.push(stage.proxy.outage(lastsMs / 2))
        return 'cut'
      case 'latency':
        stage.proxy.latency(5)
        after.push(sleep(lastsMs).then(() => stage.proxy.latency(0)))
        return 'pass'
      case 'crash':
        await crash(stage)
        return 'cut'
      case 'ddl':
      case 'long-transaction':
      case 'revoke':
        await Promise.race([keep(tenants[fault](stage, victim, lastsMs)), sleep(tenantMs)])
        return 'pass'
    }
  }

  function keep(work: Promise<unknown>): Promise<unknown> {
    const kept = work.catch(() => {})
    after.push(kept)
    return kept
  }

  return {
    isSprung: () => sprung,
    async over() {
      await Promise.all(after)
      stage.proxy.watch()
      stage.proxy.latency(0)
    },
  }
}

/** Sessions of the mover and of the provisioner; services have another name. */
const isOurs = (application: string) => application.startsWith('freehold') && application !== 'freehold-sdk'

/** The server crashes, as it does when one of its processes is killed, and recovers. */
async function crash({ server }: Stage): Promise<void> {
  const { rows } = await server.admin.query<{ pid: number }>('select pg_backend_pid() as pid')
  const [{ pid } = { pid: 0 }] = rows
  process.kill(pid, 'SIGKILL')
  for (;;) {
    await sleep(100)
    const isUp = await server.admin.query('select').then(
      () => true,
      () => false,
    )
    if (isUp) return
  }
}

type Act = (stage: Stage, victim: Victim, lastsMs: number) => Promise<unknown>

/** What a tenant, and an administrator of its server, may do in the middle of a move. */
const tenants: Record<'ddl' | 'long-transaction' | 'revoke', Act> = {
  ddl: ({ server, warehouse }, { schema, owner }, lastsMs) =>
    server.adminIn(warehouse).query(
      `begin; set local role ${owner}; set local lock_timeout = '3s'; set local search_path = ${schema};
        ${lastsMs % 2 === 0 ? 'alter table lines add column note text' : 'create table extra (id int primary key); insert into extra values (1)'}; commit`,
    ),
  async 'long-transaction'({ server, warehouse }, { schema, app }, lastsMs) {
    await server.adminIn(warehouse).query(
      `begin; set local role ${app}; insert into ${schema}.probes (way) values ('long');
        select pg_sleep(${lastsMs / 1_000}); commit`,
    )
  },
  async revoke({ server, mover, provisioner, warehouse }, { owner }, lastsMs) {
    await server.admin.query(`revoke ${owner} from ${mover} granted by ${provisioner}`)
    await sleep(lastsMs)
    // Given back while the move is there; one that is over has taken it away itself.
    const { rowCount } = await server.adminIn(warehouse).query(`select from pg_publication where pubname like 'fh\\_%'`)
    if (rowCount !== 0)
      await server.admin.query(`grant ${owner} to ${mover} with inherit true, set true granted by ${provisioner}`)
  },
}
