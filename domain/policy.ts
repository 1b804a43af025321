import { z } from 'zod'
import type { Command } from './lifecycle.ts'
import { machineName, plainText } from './text.ts'

/**
 * Commands that governance may stand in the way of: all but suspend, which protects and therefore always goes ahead.
 */
export const governedCommands = [
  'provision',
  'rotate-credentials',
  'update',
  'resume',
  'archive',
  'restore',
  'delete',
  'undelete',
  'purge',
  'relocate',
] as const satisfies readonly Exclude<Command, 'suspend'>[]
export type GovernedCommand = (typeof governedCommands)[number]

/** Commands that a rule is evaluated for where it names none: those that bring what it is about, or end it. */
const bringing = ['provision', 'update', 'restore', 'relocate'] as const
export const defaultCommands = {
  residency: bringing,
  encryption: bringing,
  plan: bringing,
  quota: bringing,
  retention: ['provision', 'update', 'delete'],
} as const satisfies Record<string, readonly GovernedCommand[]>

const names = z.array(machineName).min(1).max(100)

/** Tenants that a rule is about: those that meet every field; all tenants where there is none. */
const selector = z.strictObject({
  profiles: names.optional(),
  plans: names.optional(),
  regions: names.optional(),
  labels: z.record(machineName, plainText(63)).optional(),
})

const common = {
  /** What a denial calls the rule by. */
  name: machineName,
  applies: z
    .strictObject({ commands: z.array(z.enum(governedCommands)).min(1).optional(), tenants: selector.optional() })
    .optional(),
  /** How to satisfy it, in the operator's words; a denial has a sentence of its own where there is none. */
  remedy: plainText(300).optional(),
}
const days = z.int().min(0).max(99_999)
const most = z.int().min(1).max(1_000_000).optional()
const hasOne = (of: object) => Object.values(of).some((value) => value !== undefined)
const needsOne = 'must allow something'

const rules = [
  /** Where data may live, by region or by the residency of the region. */
  z.strictObject({
    ...common,
    kind: z.literal('residency'),
    allowed: z.strictObject({ regions: names.optional(), residencies: names.optional() }).refine(hasOne, needsOne),
  }),
  /** What secrets and sensitive fields are sealed with at least. */
  z.strictObject({ ...common, kind: z.literal('encryption'), required: z.enum(['tenant-key']) }),
  /** How many days deleted data is kept. */
  z
    .strictObject({
      ...common,
      kind: z.literal('retention'),
      minimumDays: days.optional(),
      maximumDays: days.optional(),
    })
    .refine(({ minimumDays, maximumDays }) => (minimumDays ?? maximumDays) !== undefined, 'must set a bound')
    .refine(
      ({ minimumDays = 0, maximumDays = Infinity }) => minimumDays <= maximumDays,
      'has bounds that no manifest meets',
    ),
  /** Which plans there may be, and under which profiles. */
  z.strictObject({
    ...common,
    kind: z.literal('plan'),
    allowed: z.strictObject({ plans: names.optional(), profiles: names.optional() }).refine(hasOne, needsOne),
  }),
  /** Quotas that nobody goes beyond, whatever the plan has. */
  z.strictObject({
    ...common,
    kind: z.literal('quota'),
    maximum: z
      .strictObject({ storageGiB: most, requestsPerSecond: most, concurrentTasks: most })
      .refine(hasOne, needsOne),
  }),
] as const

export const ruleSchema = z.discriminatedUnion('kind', rules)
export type Rule = z.output<typeof ruleSchema>
export type RuleKind = Rule['kind']

/** All rules that are in force together. */
export const rulesSchema = z
  .array(ruleSchema)
  .max(200)
  .refine((list) => new Set(list.map(({ name }) => name)).size === list.length, 'names a rule twice')

/** Whether governance may stand in the way of a command. */
export function isGoverned(command: Command): command is GovernedCommand {
  return command !== 'suspend'
}
