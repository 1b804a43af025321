import { setTimeout as sleep } from 'node:timers/promises'
import type { Client, Operation } from '@freehold/sdk'
import type { Display } from './display.ts'

type Answer = NonNullable<Awaited<ReturnType<typeof readRelocation>>>
/** A move as the API shows it. */
export type Relocation = Answer['relocation']

const lookMs = 150

/** The commands of a move through the API, each waited for, with phases and progress on the display. */
export function createMoves(client: Client, slug: string, display: Display) {
  const path = (relocation: string) => ({ params: { path: { idOrSlug: slug, relocation } } })

  /** Shows a move until its operation has ended. Throws unless that succeeded. */
  async function shown(id: string, operation: Pick<Operation, 'id'>): Promise<Relocation> {
    let isOver = false
    const ended = client.waitForOperation(operation.id).finally(() => (isOver = true))
    ended.catch(() => {})
    const began = performance.now()
    let phase = ''
    while (!isOver) {
      const { relocation } = (await readRelocation(client, slug, id)) ?? {}
      if (relocation !== undefined && !isOver) {
        display.show(relocation.phase, noteOf(relocation))
        const seconds = ((performance.now() - began) / 1_000).toFixed(1)
        if (relocation.phase !== phase) display.say(`   ${seconds.padStart(5)} s  ${relocation.phase}`)
        phase = relocation.phase
      }
      await sleep(lookMs)
    }
    const { kind, state, error } = await ended
    if (state !== 'succeeded') throw new Error(`${kind} is ${state}: ${error?.message ?? ''}`)
    return found(await readRelocation(client, slug, id)).relocation
  }

  return {
    /** Moves the tenant to a database of its own. */
    async relocate(): Promise<Relocation> {
      const body = { target: { profile: 'st-dedicated' }, reason: 'the demonstration' }
      const params = { path: { idOrSlug: slug } }
      const { data } = await client.api.POST('/v1/tenants/{idOrSlug}/relocations', { params, body })
      return shown(found(data).relocation.id, found(data).operation)
    },
    async rollBack(id: string): Promise<Relocation> {
      const { data } = await client.api.POST('/v1/tenants/{idOrSlug}/relocations/{relocation}/rollback', path(id))
      return shown(id, found(data).operation)
    },
    async complete(id: string): Promise<Relocation> {
      const { data } = await client.api.POST('/v1/tenants/{idOrSlug}/relocations/{relocation}/complete', path(id))
      return shown(id, found(data).operation)
    },
  }
}

async function readRelocation(client: Client, idOrSlug: string, relocation: string) {
  const params = { path: { idOrSlug, relocation } }
  return (await client.api.GET('/v1/tenants/{idOrSlug}/relocations/{relocation}', { params })).data
}

function found<T>(data: T | undefined): T {
  if (data === undefined) throw new Error('the API gave no answer')
  return data
}

/** What is known of where a phase is. */
function noteOf({ phase, progress }: Relocation): string {
  // Of other phases it may be what an earlier one has left.
  if (phase !== 'copy' && phase !== 'verify') return ''
  const { table, bytes, bytesInAll, count, all } = progress
  if (typeof bytes === 'number' && typeof bytesInAll === 'number')
    return `${Math.min(100, Math.round((bytes / bytesInAll) * 100))} % ${String(table)}`
  return typeof count === 'number' ? `${count} of ${Number(all)} tables` : ''
}
