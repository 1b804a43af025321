import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { OperationError } from '../domain/operation.ts'

type Seen = { id: string; state: string; error: OperationError | null; steps: { title: string; state: string }[] }

/**
 * Applies the example tenant through the API, as any client would, and tells how it goes.
 * @returns whether it became active
 */
export async function applyFirstTenant(
  api: string,
  key: string,
  file: string,
  tell: (line: string) => void,
): Promise<boolean> {
  const headers = { authorization: `Bearer ${key}` }
  const accepted = await fetch(`${api}/v1/tenants`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/yaml', 'idempotency-key': 'first-start' },
    body: await readFile(file, 'utf8'),
  })
  const answer = (await accepted.json()) as { operation?: Seen; detail?: string }
  if (answer.operation === undefined) {
    tell(`${file} was not accepted: ${answer.detail ?? accepted.statusText}`)
    return false
  }
  tell(`provisioning the tenant of ${file} …`)
  const told = new Set<string>()
  for (;;) {
    const operation = (await (await fetch(`${api}/v1/operations/${answer.operation.id}`, { headers })).json()) as Seen
    for (const { title, state } of operation.steps) {
      if (state === 'pending' || state === 'running' || told.has(title)) continue
      told.add(title)
      tell(`  ${state === 'done' ? '✓' : '✗'} ${title}`)
    }
    if (operation.state === 'succeeded') return true
    if (operation.state === 'failed' || operation.state === 'aborted' || operation.state === 'interrupted') {
      tell(`  ${operation.state}: ${operation.error?.message ?? ''}`)
      return false
    }
    await sleep(100)
  }
}
