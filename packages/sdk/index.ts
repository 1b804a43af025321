export { readRecords } from './audit-export.ts'
export type * from './audit-records.ts'
export { verifyAudit, type AuditResult } from './audit-verify.ts'
export { createApi, type Api } from './api.ts'
export {
  createClient,
  type Applied,
  type ChangeOptions,
  type Client,
  type CredentialsRequest,
  type Reasoned,
} from './client.ts'
export { createTenantContexts, type TenantContexts } from './contexts.ts'
export { ApiError, ArgumentError, NoAnswerError, OperationTimeoutError } from './errors.ts'
export { atRest, type FollowOptions, type WaitOptions } from './operations.ts'
export { transitions } from './generated.ts'
export { isGenuine, type Signed } from './signature.ts'
export type { Listed } from './pages.ts'
export type { OnPause } from './resend.ts'
export type { ClientOptions } from './settings.ts'
export type * from './types.ts'
