import type { components, transitions } from './generated.ts'

type Schemas = components['schemas']

export type Checkpoint = Schemas['Checkpoint']
export type Command = Schemas['Command']
export type Condition = Schemas['Condition']
export type Credentials = Schemas['Credentials']
export type ListedAuditEvent = Schemas['AuditEvent']
export type BusCredentials = Schemas['BusCredentials']
export type DatabaseCredentials = Schemas['DatabaseCredentials']
export type Diff = Schemas['Diff']
export type Drift = Schemas['Drift']
export type Environment = Schemas['Environment']
export type Event = Schemas['Event']
export type Operation = Schemas['Operation']
export type OperationState = Schemas['OperationState']
export type Policy = Schemas['Policy']
export type PolicyRule = Schemas['PolicyRule']
export type Preview = Schemas['Preview']
export type Problem = Schemas['Problem']
export type ProblemDetail = Schemas['ProblemDetail']
export type Relocation = Schemas['Relocation']
export type RelocationPlan = Schemas['RelocationPlan']
export type Report = Schemas['Report']
export type Resource = Schemas['Resource']
export type Secret = Schemas['Secret']
export type Step = Schemas['Step']
export type Tenant = Schemas['Tenant']
export type TenantContext = Schemas['TenantContext']
export type TenantManifest = Schemas['TenantManifest']
export type TenantState = Schemas['TenantState']

/** A command that is sent with no more than a reason. */
export type PlainTransition = (typeof transitions)[number]['command']

/** A manifest as it stands in a file; the API counts lines in it when it finds an error. */
export type ManifestText = { readonly text: string; readonly type: 'application/yaml' | 'application/json' }
