/**
 * What the API answers, written by hand after its reference. Nothing checks them against a server: a field that the
 * server leaves out shows as empty.
 */
export type Problem = {
  title: string
  status: number
  code: string
  detail: string
  instance?: string
  retry?: boolean
  errors?: ProblemDetail[]
  facts?: Record<string, unknown>
}
export type ProblemDetail = { path?: string; message: string; line?: number; column?: number }

export type Condition = { type: string; reason: string; message: string; since: string }
export type Environment = { name: string; placement: number; cell: string; state: string; epoch: number }

export type Tenant = {
  id: string
  code: string
  slug: string
  name: string
  labels: Record<string, string>
  profile: string
  plan: string
  region: string
  state: string
  conditions: Condition[]
  generation: number
  observedGeneration: number
  environments: Environment[]
  dataKey: string
  createdAt: string
  updatedAt: string
  allowed: string[]
  operation: { id: string; kind: string; state: string } | null
  manifest?: unknown
}

export type StepState = 'pending' | 'running' | 'done' | 'failed' | 'undone'
export type Step = { key: string; title: string; state: StepState }
export type OperationState = 'accepted' | 'running' | 'interrupted' | 'succeeded' | 'failed' | 'aborted'

export type Operation = {
  id: string
  kind: string
  tenant: { id: string; slug: string }
  generation: number
  attempt: number
  state: OperationState
  intent: string
  phase: string | null
  steps: Step[]
  revision: number
  error: { code: string; message: string; step?: string; unresolved?: string[] } | null
  links?: { workflow?: string }
  createdAt: string
  startedAt: string | null
  finishedAt: string | null
}

export type Resource = { key: string; kind: string; environment: string; cell: string; name: string; state: string }
export type TenantEvent = { seq: number; type: string; time: string; actor: unknown; operationId?: string }

export type Applied = { tenant: Tenant; operation: Operation | null; changed?: boolean }
export type Accepted = { operation: Operation }
export type Database = {
  host: string
  port: number
  database: string
  schema: string
  user: string
  password: string
  url: string
}
export type Credentials = { environment: string; database: Database }
export type Page<T> = { items: T[]; nextCursor?: string | null; nextAfter?: number | null }
