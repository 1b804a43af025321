import { setTimeout as sleep } from 'node:timers/promises'
import type { SeenOperation } from '../../../support/world.ts'
import type { Stage } from './stage.ts'

/** How long an operation may take, with what an operator does for it. */
const patienceMs = 120_000
const retries = 5

export type Moved = { readonly id: string; readonly state: string; readonly facts: object }

/** What an operator does with a tenant's moves, until each has come to an end. */
export function operatorOf({ world }: Stage, slug: string) {
  const path = `/v1/tenants/${slug}`
  async function command(at: string, body: object = {}): Promise<SeenOperation> {
    const answer = await world.request('POST', `${path}/${at}`, body)
    if (answer.status !== 202) throw new Error(`${at}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body['operation'] as SeenOperation
  }
  return {
    command,
    /** One that may come too late. */
    async attempt(at: string): Promise<SeenOperation | undefined> {
      const answer = await world.request('POST', `${path}/${at}`, {})
      return answer.status === 202 ? (answer.body['operation'] as SeenOperation) : undefined
    },
    relocate: (more: object = {}) => command('relocations', { target: { profile: 'st-dedicated' }, ...more }),
    relocation: async (id: string) =>
      (await world.request('GET', `${path}/relocations/${id}`)).body['relocation'] as Moved,
    /** Waits until an operation has ended; one that was interrupted is retried, as the product asks for. */
    async settled(id: string): Promise<SeenOperation> {
      const until = Date.now() + patienceMs
      for (let tries = 0; ;) {
        const operation = await world.operation(id)
        if (['succeeded', 'failed', 'aborted'].includes(operation.state)) return operation
        if (operation.state === 'interrupted' && tries < retries) {
          tries += 1
          await command('retry')
        }
        if (Date.now() > until) throw new Error(`stuck: ${JSON.stringify(operation)}`)
        await sleep(100)
      }
    },
  }
}
export type Operator = ReturnType<typeof operatorOf>
