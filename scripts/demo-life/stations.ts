import { setTimeout as sleep } from 'node:timers/promises'
import { isGenuine, readRecords, verifyAudit } from '@freehold/sdk'
import { person, slug, type DemoTenant } from './tenant.ts'
import { findTraces } from './traces.ts'

type Say = (line: string) => void
type Station = {
  readonly name: string
  readonly proves: string
  /** Throws when it is not as it should be; gives figures. */
  readonly run: (tenant: DemoTenant, say: Say) => Promise<object>
}

/** What was seen on the way, for the stations that come later. */
const seen = { id: '', code: '', url: '', fingerprint: '' }

function must(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(what)
}

/** The life of a tenant in the order of the stations. */
export const stations: readonly Station[] = [
  {
    name: 'provision',
    proves: 'a manifest becomes a tenant with a database, objects, a queue, secrets, a network segment and a topic',
    async run(tenant, say) {
      const { operation } = await tenant.client.applyTenant(slug, manifestOf(tenant.profile))
      const { ms } = await tenant.ended(operation?.id ?? '')
      await tenant.fill()
      const { id, code } = await tenant.client.getTenant(slug)
      const { rows, objects, hash } = await tenant.fingerprint()
      Object.assign(seen, {
        id,
        code,
        fingerprint: hash,
        url: (await tenant.client.readCredentials(slug)).database.url,
      })
      say(`${slug} is there after ${ms} ms, and its services wrote ${rows} rows and ${objects} objects`)
      return { rows, objects }
    },
  },
  {
    name: 'suspend',
    proves: 'the session of an attacker, who has the password, ends, and he does not get in again',
    async run(tenant, say) {
      const session = await tenant.session(seen.url)
      let writes = 0
      let isOver = false
      const attack = (async () => {
        while (!isOver) {
          await session.query(
            `insert into customers (name, email) values ('attack', gen_random_uuid() || '@example.com')`,
          )
          writes += 1
          await sleep(2)
        }
      })().catch(() => undefined)
      await sleep(300)
      const { ms } = await tenant.command('suspend')
      const written = writes
      isOver = true
      await attack
      must(writes === written && writes > 0, 'the session went on')
      must(await isRefused(() => session.query('select 1')), 'the session was not ended')
      must(await isRefused(() => tenant.session(seen.url)), 'he got in again')
      must((await tenant.client.getTenantContext(slug)).state === 'suspended', 'the context does not say so')
      say(`closed everywhere after ${ms} ms; his session ended after ${written} writes, and his password opens nothing`)
      return { suspendMs: ms, writes: written }
    },
  },
  {
    name: 'resume',
    proves: 'it is the exact inverse: the same password opens again',
    async run(tenant, say) {
      const { ms } = await tenant.command('resume')
      const session = await tenant.session(seen.url)
      const { rowCount } = await session.query(`delete from customers where name = 'attack'`)
      await session.end()
      must((await tenant.fingerprint()).hash === seen.fingerprint, 'the data is not the same')
      say(`open after ${ms} ms; without the ${rowCount} rows of the attacker its data is the same`)
      return { resumeMs: ms }
    },
  },
  {
    name: 'update',
    proves: 'a changed manifest touches what differs and nothing else',
    async run(tenant, say) {
      const changed = manifestOf(tenant.profile, ['prod', 'staging'])
      const { changes } = await tenant.client.previewManifest(changed)
      must(
        changes.every(({ environment }) => environment === 'staging'),
        'the preview touches prod',
      )
      const { operation } = await tenant.client.applyTenant(slug, changed)
      const { ms } = await tenant.ended(operation?.id ?? '')
      must((await tenant.fingerprint()).hash === seen.fingerprint, 'the data is not the same')
      say(`the preview said ${changes.length} changes, all in staging; they are there after ${ms} ms`)
      return { updateMs: ms, changes: changes.length }
    },
  },
  {
    name: 'archive',
    proves: 'everything moves to cold storage, sealed and read back, before anything is removed',
    async run(tenant, say) {
      const { ms } = await tenant.command('archive')
      must(await isRefused(() => tenant.session(seen.url)), 'the database is still there')
      const report = (await tenant.client.listReports(seen.id)).at(-1)
      must(report !== undefined && isGenuine(report, await tenant.client.signingKeys()), 'the report is not genuine')
      say(`archived after ${ms} ms; its database is gone, and a signed report lists what the archive holds`)
      return { archiveMs: ms }
    },
  },
  {
    name: 'restore',
    proves: 'what comes back is, row by row and object by object, what was archived',
    async run(tenant, say) {
      const { ms } = await tenant.command('restore')
      must((await tenant.fingerprint()).hash === seen.fingerprint, 'the data is not the same')
      say(`back after ${ms} ms; the hash over all rows and objects is the one from before`)
      return { restoreMs: ms }
    },
  },
  {
    name: 'delete and undelete',
    proves: 'a deleted tenant rests, and comes back with all it had',
    async run(tenant, say) {
      await tenant.command('delete')
      must(await isRefused(() => tenant.client.createTenant(manifestOf(tenant.profile))), 'its slug was free')
      const { purgeAfter } = await tenant.client.getTenant(slug)
      must(purgeAfter !== null, 'no purge is due')
      await tenant.command('undelete')
      must((await tenant.fingerprint()).hash === seen.fingerprint, 'the data is not the same')
      say(`deleted, due to be purged at ${purgeAfter}, and back again with the same data`)
      return {}
    },
  },
  {
    name: 'purge',
    proves: 'the end needs the name of the tenant, leaves no trace, and is certified',
    async run(tenant, say) {
      await tenant.command('delete')
      must(await isRefused(() => tenant.command('purge', { confirm: 'amce' })), 'a wrong name was enough')
      const before = await findTraces(tenant, seen.code, [person.name, person.email])
      must(before.found.length > 0, 'the search finds nothing even while the tenant is there')
      const { ms } = await tenant.command('purge', { confirm: slug })
      const { looked, found } = await findTraces(tenant, seen.code, [person.name, person.email])
      must(found.length === 0, `there are traces: ${found.slice(0, 3).join('; ')}`)
      say(`purged after ${ms} ms; of ${before.found.length} traces before, none in ${looked} rows and names is left`)
      const certificate = (await tenant.client.listReports(seen.id)).findLast(
        ({ kind }) => kind === 'deletion-certificate',
      )
      const keys = await tenant.client.signingKeys()
      must(certificate !== undefined && isGenuine(certificate, keys), 'the certificate is not genuine')
      must(
        certificate !== undefined &&
          !isGenuine({ ...certificate, document: certificate.document.replace(slug, 'amce') }, keys),
        'a changed certificate verifies',
      )
      say('the certificate of its deletion verifies, and one with another name in it does not')
      return { purgeMs: ms, looked, tracesBefore: before.found.length, tracesAfter: found.length }
    },
  },
  {
    name: 'audit',
    proves: 'the trail outlives the tenant, verifies from its first event on, and a changed letter is found',
    async run(tenant, say) {
      const keys = await tenant.client.signingKeys()
      const trail = async () => new Blob([await new Response(await tenant.client.exportAudit(seen.id)).text()])
      const check = (whole: Blob) => verifyAudit(readRecords(whole.stream()), { keys })
      const exported = await trail()
      const { events, findings } = await check(exported)
      must(findings.length === 0, `the trail is broken: ${JSON.stringify(findings[0])}`)
      const changed = (await exported.text()).replace('the demonstration', 'The demonstration')
      const { findings: told } = await check(new Blob([changed]))
      must(told.length > 0, 'a changed letter was not found')
      say(`${events} events verify; with one letter changed it says: ${told[0]?.kind}, event ${told[0]?.seq}`)
      return { events }
    },
  },
  {
    name: 'the slug again',
    proves: 'the name is free, and the next tenant of that name has nothing of the one before',
    async run(tenant, say) {
      const { operation } = await tenant.client.applyTenant(slug, manifestOf(tenant.profile))
      await tenant.ended(operation?.id ?? '')
      const next = await tenant.client.getTenant(slug)
      must(next.id !== seen.id && next.code !== seen.code, 'it is the same tenant')
      say(`${slug} is another tenant now, ${next.id}`)
      return {}
    },
  },
]

async function isRefused(attempt: () => Promise<unknown>): Promise<boolean> {
  return attempt().then(
    () => false,
    () => true,
  )
}

function manifestOf(profile: string, environments: readonly string[] = ['prod']) {
  return {
    apiVersion: 'freehold.dev/v1alpha1' as const,
    kind: 'Tenant' as const,
    metadata: { slug, name: person.name },
    spec: {
      profile,
      plan: 'pro',
      region: 'eu-north',
      environments: environments.map((name) => ({ name })),
      policies: { retention: 'P30D' },
    },
  }
}
