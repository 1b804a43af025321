import { z } from '@hono/zod-openapi'
import { outcomes } from '../domain/governance.ts'
import { lifecycle, tenantStates, type Command } from '../domain/lifecycle.ts'
import type { ResolvedManifest } from '../domain/manifest-resolve.ts'
import { environmentPattern } from '../domain/names.ts'
import { operationStates } from '../domain/operation.ts'
import { placementStates } from '../domain/placement.ts'
import { resourceKinds } from '../domain/resources.ts'
import { machineName, plainText } from '../domain/text.ts'
import { reportKinds } from '../registry/entities/report.ts'
import {
  exampleContext,
  exampleCredentials,
  exampleEvent,
  exampleReport,
  exampleOperation,
  exampleProblem,
  exampleResource,
  exampleTenant,
} from './examples.ts'

/** Shapes of what the API takes and gives; the OpenAPI document is made from them. */
const commands = Object.keys(lifecycle) as [Command, ...Command[]]
export const time = z.iso.datetime()
const facts = z.record(z.string(), z.unknown())
const commandName = z.enum(commands).openapi('Command')
const tenantState = z.enum(tenantStates).openapi('TenantState')
const stateOr = <const W extends string>(...words: W[]) => z.union([tenantState, z.enum(words)])
/** A row of the lifecycle table is published as it is. */
export const lifecycleSchema = z
  .object({
    states: z.array(tenantState),
    commands: z.record(
      commandName,
      z.object({
        from: z.array(tenantState).readonly(),
        through: stateOr('keeps'),
        to: stateOr('keeps', 'before'),
        cannotFinish: z.enum(['compensates', 'goes-forward']),
        failsTo: stateOr('keeps', 'before'),
        exclusive: z.boolean(),
        urgency: z.int().min(1).max(5),
        available: z.boolean(),
      }),
    ),
  })
  .openapi('Lifecycle')
const operationState = z.enum(operationStates).openapi('OperationState')

const stepSchema = z
  .object({
    key: z.string(),
    title: z.string(),
    state: z.enum(['pending', 'running', 'done', 'failed', 'undone']),
  })
  .openapi('Step')

const operationErrorSchema = z
  .object({
    code: z.string(),
    message: z.string(),
    step: z.string().optional(),
    unresolved: z.array(z.string()).optional(),
  })
  .openapi('OperationError')

const verdictSchema = z
  .object({
    outcome: z.enum(outcomes).describe('`open`, `closed`: it gave no valid answer, and the command goes on, or ends'),
    code: z.string().optional(),
    message: z.string(),
    reasons: z.array(z.object({ rule: z.string(), message: z.string(), remedy: z.string().optional() })),
  })
  .openapi('Verdict')

export const operationSchema = z
  .object({
    id: z.uuid(),
    kind: commandName,
    tenant: z.object({ id: z.uuid(), slug: z.string() }),
    generation: z.int(),
    attempt: z.int(),
    state: operationState,
    intent: z.enum(['forward', 'compensate']),
    phase: z.string(),
    abortable: z.boolean().describe('Whether abort can end it; what cannot only goes forward'),
    steps: z.array(stepSchema),
    revision: z.int(),
    actor: z.string(),
    reason: z.string().nullable(),
    correlationId: z.string(),
    // Not `.nullable()`: a nullable reference is written in a way that JSON Schema reads as never null.
    error: z.union([operationErrorSchema, z.null()]),
    result: facts.nullable(),
    policyVersion: z.int().describe('Version of the policy that judged it; 0: there were no rules'),
    verdict: z.union([verdictSchema, z.null()]).describe('What the governance endpoint said of this attempt'),
    workflowId: z.string(),
    links: z.object({ workflow: z.string().optional() }),
    createdAt: time,
    startedAt: time.nullable(),
    finishedAt: time.nullable(),
  })
  .openapi('Operation', { examples: [exampleOperation] })

const conditionSchema = z
  .object({ type: z.string(), reason: z.string(), message: z.string(), since: time })
  .openapi('Condition')

const environmentSchema = z
  .object({
    name: z.string(),
    placement: z.int(),
    cell: z.string(),
    state: z.enum(placementStates),
    epoch: z.int(),
  })
  .openapi('Environment')

export const tenantSchema = z
  .object({
    id: z.uuid(),
    code: z.string(),
    slug: z.string(),
    name: z.string(),
    labels: z.record(z.string(), z.string()),
    profile: z.string(),
    plan: z.string(),
    region: z.string(),
    state: tenantState,
    conditions: z.array(conditionSchema),
    purgeAfter: time.nullable(),
    generation: z.int(),
    observedGeneration: z.int(),
    environments: z.array(environmentSchema),
    dataKey: z.string(),
    createdAt: time,
    updatedAt: time,
    allowed: z.array(commandName),
    operation: z.object({ id: z.uuid(), kind: commandName, state: operationState }).nullable(),
    manifest: z
      .custom<ResolvedManifest>()
      .openapi({ type: 'object', description: 'With every default; only in the answer for one tenant' })
      .optional(),
  })
  .openapi('Tenant', { examples: [exampleTenant] })

export const eventSchema = z
  .object({
    id: z.uuid(),
    seq: z.int(),
    type: z.string(),
    time,
    actor: z.string(),
    operationId: z.uuid().optional(),
    correlationId: z.string().optional(),
    data: facts,
    previousHash: z.string(),
    hash: z.string(),
  })
  .openapi('Event', { examples: [exampleEvent] })

export const resourceSchema = z
  .object({
    key: z.string(),
    kind: z.enum(resourceKinds),
    environment: z.string(),
    placement: z.int(),
    cell: z.string(),
    name: z.string(),
    state: z.enum(['planned', 'present']),
    facts,
    createdBy: z.uuid(),
    createdAt: time,
    updatedAt: time,
  })
  .openapi('Resource', { examples: [exampleResource] })

const busEndpoint = { host: z.string(), port: z.int(), tls: z.boolean() }

const topologySchema = z
  .object({
    database: z.object({
      cell: z.string(),
      host: z.string(),
      port: z.int(),
      database: z.string(),
      schema: z.string(),
      role: z.string(),
      passwordSecret: z.string(),
    }),
    objectStore: z.object({ cell: z.string(), container: z.string(), prefix: z.string() }),
    runtime: z.object({
      namespace: z.string(),
      taskQueue: z.string(),
      fairnessKey: z.string(),
      fairnessWeight: z.number(),
    }),
    secrets: z.object({ prefix: z.string(), key: z.string() }),
    network: z.object({ segment: z.string(), enforcement: z.literal('external') }).nullable(),
    events: z.union([
      z.object({ transport: z.literal('webhooks') }),
      z.object({
        transport: z.literal('service-bus'),
        bus: z.string(),
        endpoint: z.object(busEndpoint),
        topic: z.string(),
        subscription: z.string(),
        keySecret: z.string(),
      }),
    ]),
  })
  .openapi('Topology')

export const contextSchema = z
  .object({
    version: z.literal(1),
    tenantId: z.uuid(),
    slug: z.string(),
    environment: z.string(),
    region: z.string(),
    state: tenantState,
    profile: z.string(),
    epoch: z.int(),
    dataKey: z.string(),
    plan: z.string(),
    topology: topologySchema,
    policy: z.object({
      residency: z.string(),
      retention: z.string(),
      encryption: z.literal('tenant-key'),
      deleteProtection: z.boolean(),
    }),
    quotas: z.object({ storageGiB: z.int(), requestsPerSecond: z.int(), concurrentTasks: z.int() }),
    features: z.record(z.string(), z.boolean()),
    settings: z.record(z.string(), z.string()),
  })
  .openapi('TenantContext', { examples: [exampleContext] })

const databaseCredentialsSchema = z
  .object({
    host: z.string(),
    port: z.int(),
    database: z.string(),
    schema: z.string(),
    user: z.string(),
    password: z.string(),
    url: z.string(),
  })
  .openapi('DatabaseCredentials')

const busCredentialsSchema = z
  .object({
    ...busEndpoint,
    topic: z.string(),
    subscription: z.string(),
    keyName: z.string(),
    key: z.string(),
    connectionString: z.string(),
  })
  .openapi('BusCredentials')

export const credentialsSchema = z
  .object({
    environment: z.string(),
    database: databaseCredentialsSchema,
    bus: z.union([busCredentialsSchema, z.null()]),
  })
  .openapi('Credentials', { examples: [exampleCredentials] })

const problemDetailSchema = z
  .object({
    path: z.string().optional(),
    message: z.string(),
    line: z.int().optional(),
    column: z.int().optional(),
    rule: z.string().optional().describe('Of a denial: the rule that is broken'),
    remedy: z.string().optional().describe('Of a denial: how to satisfy the rule'),
  })
  .openapi('ProblemDetail')

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string(),
    detail: z.string(),
    instance: z.string().optional(),
    retry: z.boolean(),
    errors: z.array(problemDetailSchema).optional(),
    facts: facts.optional(),
  })
  .openapi('Problem', { examples: [exampleProblem] })

export const environmentName = z.string().regex(environmentPattern, 'is not the name of an environment')
export const reasonBody = z.strictObject({ reason: plainText(500).optional() })
export const holdBody = z.strictObject({ reason: plainText(500) })
export const cellBody = reasonBody.extend({ cell: machineName.optional() })
export const confirmedBody = reasonBody.extend({ confirm: z.string().max(64).optional() })
export const credentialsBody = z.strictObject({
  environment: environmentName.default('prod'),
  rotate: z.boolean().default(false),
  reason: plainText(500).optional(),
})

export const limit = z.coerce.number().int().min(1).max(200).default(50)
export const cursor = z
  .string()
  .max(100)
  .transform((value) => Buffer.from(value, 'base64url').toString('utf8'))
  .pipe(z.uuid('is not a cursor of this list'))
  .optional()
  .openapi({ type: 'string' })
const label = z
  .string()
  .regex(/^[^=]+=.+$/s, 'must be key=value')
  .transform((text): [string, string] => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)])
  .pipe(z.tuple([machineName, plainText(63)]))

/** Queries are strict, as bodies are: a filter with a wrong name must not give everything. */
export const tenantsQuery = z.strictObject({
  state: tenantState.optional(),
  profile: machineName.optional(),
  label: z
    .preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(label).max(20).optional())
    .openapi({ type: 'array', items: { type: 'string' }, description: 'key=value; repeatable' }),
  limit,
  cursor,
})
export const operationsQuery = z.strictObject({
  tenant: z.string().max(64).optional(),
  state: operationState.optional(),
  limit,
  cursor,
})
export const eventsQuery = z.strictObject({ after: z.coerce.number().int().min(0).max(1e15).default(0), limit })
export const reportSchema = z
  .object({
    id: z.uuid(),
    tenant: z.uuid(),
    operation: z.uuid(),
    kind: z.enum(reportKinds),
    createdAt: time,
    document: z
      .string()
      .openapi({ description: 'Canonical JSON (RFC 8785): these bytes, in UTF-8, are what is signed' }),
    signature: z.string().openapi({ description: 'Ed25519 over `document`, in base64url' }),
    keyId: z.string().openapi({ description: '`kid` of the key in /.well-known/freehold/keys.json' }),
  })
  .openapi('Report', { examples: [exampleReport] })

export const noQuery = z.strictObject({})
export const contextQuery = z.strictObject({ environment: environmentName.default('prod') })
