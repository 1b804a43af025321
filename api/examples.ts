/** One example of each body, for the OpenAPI document; a test holds them against the schemas. */

const ids = {
  tenant: '019a8f10-3c00-7a51-9c2e-5d1f0b7a4e21',
  operation: '019a8f10-3c07-7d02-8f44-21c9a6be7730',
}
const time = '2026-11-20T14:03:07.000Z'

export const exampleManifest = {
  apiVersion: 'freehold.dev/v1alpha1',
  kind: 'Tenant',
  metadata: { slug: 'acme', name: 'Acme Manufacturing', labels: { segment: 'smb' } },
  spec: { plan: 'pro', region: 'eu-north', environments: [{ name: 'prod' }] },
}

export const exampleReason = { reason: 'ticket 4711' }
export const exampleRelocation = {
  environment: 'prod',
  target: { profile: 'st-dedicated' },
  pauseBudgetMs: 500,
  soakSeconds: 86_400,
  reason: 'ticket 4711',
}
export const examplePlan = { environment: 'prod', target: { profile: 'st-dedicated' } }
export const exampleCell = { reason: 'ticket 4711', cell: 'eu-north-2' }
export const exampleConfirmation = { reason: 'ticket 4711', confirm: 'acme' }

export const exampleCredentialsRequest = { environment: 'prod', rotate: false, reason: 'ticket 4711' }

export const exampleOperation = {
  id: ids.operation,
  kind: 'provision',
  tenant: { id: ids.tenant, slug: 'acme' },
  generation: 1,
  attempt: 1,
  state: 'running',
  intent: 'forward',
  phase: 'ensure',
  steps: [{ key: 'prod/database', title: 'Create the database', state: 'running' }],
  abortable: true,
  revision: 2,
  actor: 'key:admin',
  reason: null,
  correlationId: '6f1c7a52-6f5a-4d1a-9d52-7c1c2f6f1b6a',
  error: null,
  result: null,
  policyVersion: 1,
  verdict: null,
  workflowId: `provision/${ids.operation}/1`,
  links: {},
  createdAt: time,
  startedAt: time,
  finishedAt: null,
}

const exampleRules = [{ name: 'keep-30-days', kind: 'retention' as const, minimumDays: 30 }]
export const examplePolicyChange = { rules: exampleRules, reason: 'ticket 4711' }
export const examplePolicy = {
  version: 1,
  rules: exampleRules,
  actor: 'key:admin',
  reason: 'ticket 4711',
  createdAt: time,
}

export const exampleSecretChange = {
  value: 'postgresql://freehold:…@db.globex.example:5432/postgres?sslmode=require',
  reason: 'ticket 4711',
}
export const exampleSecret = {
  name: 'globex-database',
  version: 1,
  updatedBy: 'key:admin',
  createdAt: time,
  updatedAt: time,
  usedBy: [{ tenant: 'globex', environment: 'prod' }],
}

export const exampleTenant = {
  id: ids.tenant,
  code: 'k7m2p9qd',
  slug: 'acme',
  name: 'Acme Manufacturing',
  labels: { segment: 'smb' },
  profile: 'mt-standard',
  plan: 'pro',
  region: 'eu-north',
  state: 'active',
  conditions: [],
  purgeAfter: null,
  generation: 1,
  observedGeneration: 1,
  environments: [{ name: 'prod', placement: 1, cell: 'eu-north-1', state: 'active', epoch: 1 }],
  dataKey: '019a8f103c007a519c2e5d1f0b7a4e21',
  createdAt: time,
  updatedAt: time,
  allowed: ['rotate-credentials'],
  operation: { id: ids.operation, kind: 'provision', state: 'succeeded' },
}

export const exampleContext = {
  version: 1,
  tenantId: ids.tenant,
  slug: 'acme',
  environment: 'prod',
  region: 'eu-north',
  state: 'active',
  profile: 'mt-standard',
  epoch: 1,
  dataKey: '019a8f103c007a519c2e5d1f0b7a4e21',
  plan: 'pro',
  topology: {
    database: {
      cell: 'eu-north-1',
      host: '127.0.0.1',
      port: 5432,
      database: 'tenants',
      schema: 't_k7m2p9qd_prod_1',
      role: 't_k7m2p9qd_prod_1_app',
      passwordSecret: 'secrets/k7m2p9qd/prod/database-1',
    },
    objectStore: { cell: 'eu-north-1', container: 'tenants', prefix: 'tenants/k7m2p9qd/prod/' },
    runtime: {
      namespace: 'workloads',
      taskQueue: 'work',
      fairnessKey: 'k7m2p9qd-prod',
      fairnessWeight: 1,
    },
    secrets: { prefix: 'secrets/k7m2p9qd/prod/', key: 'tenant-key' },
    network: { segment: '10.64.0.0/28', enforcement: 'external' },
    events: { transport: 'webhooks' },
  },
  policy: { residency: 'eu', retention: 'P30D', encryption: 'tenant-key', deleteProtection: false },
  quotas: { storageGiB: 50, requestsPerSecond: 100, concurrentTasks: 10 },
  features: { advancedAnalytics: true },
  settings: { supportEmail: 'help@acme.example' },
}

export const exampleResource = {
  key: 'prod/1/database',
  kind: 'database',
  environment: 'prod',
  placement: 1,
  cell: 'eu-north-1',
  name: 't_k7m2p9qd_prod_1',
  state: 'present',
  facts: {},
  createdBy: ids.operation,
  createdAt: time,
  updatedAt: time,
}

export const exampleEvent = {
  id: '019a8f10-3c11-7b3e-8a90-4f6f6f1f2a55',
  seq: 1,
  type: 'TENANCY_TENANT_ACCEPTED',
  time,
  actor: 'key:admin',
  operationId: ids.operation,
  correlationId: '6f1c7a52-6f5a-4d1a-9d52-7c1c2f6f1b6a',
  data: { slug: 'acme', generation: 1 },
  previousHash: '0'.repeat(64),
  hash: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
}

export const exampleCheckpoint = {
  number: 1,
  document: `{"at":"${time}","heads":[["${ids.tenant}",12,"9f86d0…"]],"keyId":"kPrK_q…","number":1,"previous":"000000…","version":1}`,
  hash: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  keyId: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
  signature: 'c2lnbmF0dXJl',
  createdAt: time,
}

export const exampleReport = {
  id: '019a8f10-3c11-7b3e-8a90-4f6f6f1f2a77',
  tenant: ids.tenant,
  operation: ids.operation,
  kind: 'deletion-certificate' as const,
  createdAt: time,
  document: '{"key":{"destroyed":true},"version":1}',
  signature: 'c2lnbmF0dXJl',
  keyId: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
}

export const exampleCredentials = {
  environment: 'prod',
  database: {
    host: '127.0.0.1',
    port: 5432,
    database: 'tenants',
    schema: 't_k7m2p9qd_prod_1',
    user: 't_k7m2p9qd_prod_1_app',
    password: 'made-by-freehold',
    url: 'postgresql://t_k7m2p9qd_prod_1_app:made-by-freehold@127.0.0.1:5432/tenants',
  },
  bus: null,
}

export const exampleProblem = {
  type: 'https://freehold.dev/errors/manifest_invalid',
  title: 'manifest invalid',
  status: 422,
  code: 'manifest_invalid',
  detail: 'spec.plan: there is no plan "gold"',
  instance: '6f1c7a52-6f5a-4d1a-9d52-7c1c2f6f1b6a',
  retry: false,
  errors: [{ path: 'spec.plan', message: 'there is no plan "gold"', line: 6, column: 9 }],
}
