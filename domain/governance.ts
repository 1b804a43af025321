import { z } from 'zod'
import { lifecycle, type Command, type TenantState } from './lifecycle.ts'
import type { ErrorCode } from './errors.ts'
import { governedCommands } from './policy.ts'
import { plainText, secretReference } from './text.ts'

/*
 * The governance endpoint: who may be asked, from outside of Freehold, before a command begins. README, "Governance", says
 * how it is spoken to.
 */

const commands = z.array(z.enum(governedCommands)).min(1)
const url = z
  .url({ protocol: /^https?$/ })
  .max(2_000)
  .refine((text) => !/^https?:\/\/[^/]*@/.test(text), 'must hold no credentials')

/** What the platform file says of it. `open`: commands that go on without an answer, whatever `onFailure` says. */
export const governanceEndpoint = z.strictObject({
  url,
  secret: secretReference,
  timeoutMs: z.int().min(100).max(60_000).default(5_000),
  retries: z.int().min(0).max(10).default(3),
  onFailure: z.enum(['closed', 'open']).default('closed'),
  open: commands.optional(),
  commands: commands.default([...governedCommands]),
})
export type GovernanceEndpoint = z.output<typeof governanceEndpoint>

/**
 * Whether the endpoint is to be asked before an operation begins. Not about what it was asked already, and not about one that
 * only goes forward and is half done: nothing could be the answer but yes.
 */
export function isToBeAsked(
  { commands: asked }: GovernanceEndpoint,
  { command, verdict, state }: { command: Command; verdict: Verdict | null | undefined; state: TenantState },
): boolean {
  const { through, cannotFinish } = lifecycle[command]
  const isHalfDone = cannotFinish === 'goes-forward' && state === through
  return !verdict && !isHalfDone && (asked as readonly Command[]).includes(command)
}

/** Whether a command goes on when nobody answers. */
export function isOpenTo({ onFailure, open = [] }: GovernanceEndpoint, command: Command): boolean {
  return onFailure === 'open' || (open as readonly Command[]).includes(command)
}

/** The pause before a try, in milliseconds: none before the first, then twice as long each time, 5 s at most. */
export function pauseBefore(attempt: number): number {
  return attempt === 1 ? 0 : Math.min(200 * 2 ** (attempt - 2), 5_000)
}

/** How long all tries may take together, with some room for the registry. */
export function askingMs({ timeoutMs, retries }: GovernanceEndpoint): number {
  const tries = Array.from({ length: retries + 1 }, (_, index) => timeoutMs + pauseBefore(index + 1))
  return tries.reduce((sum, ms) => sum + ms, 10_000)
}

/** What the endpoint is asked. */
export type Question = {
  readonly version: 1
  /** Id of the operation; the answer repeats it. */
  readonly nonce: string
  readonly command: Command
  readonly tenant: {
    readonly id: string
    readonly slug: string
    readonly profile: string
    readonly plan: string
    readonly region: string
    readonly labels: Readonly<Record<string, string>>
  }
  readonly generation: number
  readonly policyVersion: number
  /** When it was asked, by the registry's clock. */
  readonly at: string
}

const reason = z.object({
  rule: plainText(100),
  message: plainText(500),
  remedy: plainText(500).optional(),
})

/** What it answers. Fields that nobody knows are passed over, so that it can say more than this release reads. */
export const governanceAnswer = z.object({
  nonce: z.string(),
  verdict: z.enum(['allow', 'deny']),
  reasons: z.array(reason).max(50).default([]),
})
export type Reason = z.output<typeof reason>

/** What became of asking: two answers, or none; then the command goes on (`open`) or ends (`closed`). */
export const outcomes = ['allow', 'deny', 'open', 'closed'] as const

/** What the endpoint said of one operation, as it is recorded. */
export type Verdict = {
  readonly outcome: (typeof outcomes)[number]
  /** Of a verdict that ends the operation. */
  readonly code?: ErrorCode
  readonly message: string
  readonly reasons: readonly Reason[]
}

/** Whether a verdict ends the operation before it begins. */
export function isDenial(verdict: Verdict | null | undefined): verdict is Verdict & { code: ErrorCode } {
  return verdict !== null && verdict !== undefined && (verdict.outcome === 'deny' || verdict.outcome === 'closed')
}

/** The verdict of an answer that was checked. */
export function verdictOf(command: Command, { verdict, reasons }: z.output<typeof governanceAnswer>): Verdict {
  if (verdict === 'allow') return { outcome: 'allow', message: 'the governance endpoint allows it', reasons }
  const told = reasons
    .slice(0, 5)
    .map(({ rule, message, remedy }) => `${message} (rule ${rule}${remedy === undefined ? '' : `; ${remedy}`})`)
  const why = told.length === 0 ? 'it gave no reason' : told.join('; ')
  return {
    outcome: 'deny',
    code: 'policy_denied',
    message: `${command} is denied by the governance endpoint: ${why}`,
    reasons,
  }
}
