import { expect, test } from 'vitest'
import { lifecycle, type Command } from '../../../domain/lifecycle.ts'
import { readManifest } from '../../../domain/manifest-read.ts'
import { resolveManifest } from '../../../domain/manifest-resolve.ts'
import { brokenRules, denied } from '../../../domain/policy-evaluate.ts'
import { unknownNames } from '../../../domain/policy-names.ts'
import { defaultCommands, governedCommands, ruleSchema, rulesSchema } from '../../../domain/policy.ts'
import { manifestText, platform } from './support.ts'

const manifest = resolveManifest(
  readManifest(manifestText({ metadata: '  labels: {segment: smb}\n', spec: '  policies: {retention: P10D}\n' })),
  platform,
  [],
).resolved
const broken = (rule: object, command: Command = 'provision') =>
  brokenRules([ruleSchema.parse({ name: 'rule-1', ...rule })], { command, manifest }).map(({ path }) => path)

test.each([
  ['residency by region', { kind: 'residency', allowed: { regions: ['eu-north'] } }, ['spec.region']],
  ['residency', { kind: 'residency', allowed: { residencies: ['us'] } }, ['spec.policies.residency']],
  ['residency that is met', { kind: 'residency', allowed: { regions: ['eu-west'], residencies: ['eu'] } }, []],
  ['encryption that is met', { kind: 'encryption', required: 'tenant-key' }, []],
  ['retention below', { kind: 'retention', minimumDays: 11 }, ['spec.policies.retention']],
  ['retention beyond', { kind: 'retention', maximumDays: 9 }, ['spec.policies.retention']],
  ['retention at both bounds', { kind: 'retention', minimumDays: 10, maximumDays: 10 }, []],
  ['plan', { kind: 'plan', allowed: { plans: ['pro'] } }, ['spec.plan']],
  ['profile of a plan', { kind: 'plan', allowed: { profiles: ['st-dedicated'] } }, ['spec.profile']],
  ['quota', { kind: 'quota', maximum: { storageGiB: 9, concurrentTasks: 4 } }, ['spec.quotas.storageGiB']],
])('%s', (_, rule, paths) => {
  expect(broken(rule)).toEqual(paths)
})

test('encryption with another key than the one required is found', () => {
  const weaker = {
    ...manifest,
    spec: { ...manifest.spec, policies: { ...manifest.spec.policies, encryption: 'none' } },
  }
  const rule = ruleSchema.parse({ name: 'sealed', kind: 'encryption', required: 'tenant-key' })
  const found = brokenRules([rule], { command: 'provision', manifest: weaker as unknown as typeof manifest })
  expect(found.map(({ path }) => path)).toEqual(['spec.policies.encryption'])
})

const tooLong = { kind: 'retention', maximumDays: 1 } as const
test.each([
  [{ profiles: ['st-dedicated'] }, false],
  [{ profiles: ['mt-standard'], plans: ['team'], regions: ['eu-west'], labels: { segment: 'smb' } }, true],
  [{ plans: ['pro'] }, false],
  [{ regions: ['eu-north'] }, false],
  [{ labels: { segment: 'enterprise' } }, false],
  [{ labels: { other: 'smb' } }, false],
])('a rule is about the tenants it selects: %j', (tenants, isAbout) => {
  expect(broken({ ...tooLong, applies: { tenants } })).toHaveLength(isAbout ? 1 : 0)
})

test.each(Object.keys(lifecycle) as Command[])(
  '%s is judged by the rules that are about it, and no other',
  (command) => {
    const isDefault = (defaultCommands.retention as readonly Command[]).includes(command)
    expect(broken(tooLong, command)).toHaveLength(isDefault ? 1 : 0)
    const named = broken({ ...tooLong, applies: { commands: governedCommands } }, command)
    // Suspend protects, and the ends of a move are of one that was judged: no rule stands in their way.
    expect(named).toHaveLength(['suspend', 'rollback', 'complete'].includes(command) ? 0 : 1)
  },
)

test('suspend cannot be named by a rule', () => {
  expect(ruleSchema.safeParse({ name: 'r', ...tooLong, applies: { commands: ['suspend'] } }).success).toBe(false)
})

test('a denial names each rule that is broken, where, and how to satisfy it', () => {
  const rules = rulesSchema.parse([
    { name: 'keep-longer', kind: 'retention', minimumDays: 30, remedy: 'ask legal first' },
    { name: 'small-only', kind: 'quota', maximum: { storageGiB: 5, requestsPerSecond: 10 } },
  ])
  const error = denied(brokenRules(rules, { command: 'provision', manifest }), {
    command: 'provision',
    policyVersion: 3,
  })
  expect(error).toMatchObject({
    code: 'policy_denied',
    details: [
      { rule: 'keep-longer', path: 'spec.policies.retention', remedy: 'ask legal first' },
      { rule: 'small-only', path: 'spec.quotas.storageGiB', remedy: 'set spec.quotas.storageGiB to 5 or less' },
      { rule: 'small-only', path: 'spec.quotas.requestsPerSecond' },
    ],
    facts: { command: 'provision', policyVersion: 3, rules: ['keep-longer', 'small-only'] },
  })
  expect(error.message).toMatch(/^provision is denied by 2 rules: spec\.policies\.retention: retention of 10 days/)
})

test.each([
  [{ name: 'r', kind: 'residency', allowed: {} }, 'allowed'],
  [{ name: 'r', kind: 'retention' }, ''],
  [{ name: 'r', kind: 'retention', minimumDays: 9, maximumDays: 8 }, ''],
  [{ name: 'r', kind: 'retention', minimumDays: -1 }, 'minimumDays'],
  [{ name: 'r', kind: 'quota', maximum: { storageGb: 1 } }, 'maximum'],
  [{ name: 'r', kind: 'curfew' }, 'kind'],
  [{ name: '', kind: 'plan', allowed: { plans: ['pro'] } }, 'name'],
  [{ name: 'r', kind: 'plan', allowed: { plans: [] } }, 'allowed.plans'],
  [{ name: 'r', kind: 'encryption', required: 'rot13' }, 'required'],
])('a rule that cannot be is refused with the place: %j', (rule, path) => {
  expect(ruleSchema.safeParse(rule).error?.issues[0]?.path.join('.')).toBe(path)
})

test('two rules of one name are refused', () => {
  const rule = { name: 'twice', kind: 'plan', allowed: { plans: ['pro'] } }
  expect(rulesSchema.safeParse([rule, rule]).error?.issues[0]?.message).toBe('names a rule twice')
})

test('names that the platform file does not have are found, each with its place', () => {
  const rules = rulesSchema.parse([
    { name: 'a', kind: 'residency', allowed: { regions: ['eu-west', 'mars'], residencies: ['moon'] } },
    { name: 'b', kind: 'plan', applies: { tenants: { plans: ['gold'] } }, allowed: { profiles: ['mt-standard'] } },
  ])
  expect(unknownNames(rules, platform)).toEqual([
    { path: 'rules.0.allowed.regions.1', message: 'region "mars" is not in the platform file; there is: eu-west' },
    { path: 'rules.0.allowed.residencies.0', message: 'residency "moon" is not in the platform file; there is: eu' },
    { path: 'rules.1.applies.tenants.plans.0', message: 'plan "gold" is not in the platform file; there is: team' },
  ])
})
