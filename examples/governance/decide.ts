/** What Freehold asks before a command begins. */
export type Question = {
  version: 1
  nonce: string
  command: string
  tenant: { id: string; slug: string; profile: string; plan: string; region: string; labels: Record<string, string> }
  generation: number
  policyVersion: number
  at: string
}
export type Answer = {
  nonce: string
  verdict: 'allow' | 'deny'
  reasons: { rule: string; message: string; remedy?: string }[]
}

/** The decision: put your own here. This one keeps what is under legal hold. */
export function decide({ nonce, command, tenant }: Question): Answer {
  const ends = command === 'purge' || command === 'delete'
  if (!ends || tenant.labels['hold'] !== 'legal') return { nonce, verdict: 'allow', reasons: [] }
  const reason = {
    rule: 'legal-hold',
    message: `${tenant.slug} is under legal hold`,
    remedy: 'have the hold lifted and take the label `hold` off',
  }
  return { nonce, verdict: 'deny', reasons: [reason] }
}
