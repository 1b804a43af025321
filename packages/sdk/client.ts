import { bodyOf, createApi, type Api } from './api.ts'
import { exportAudit, type AuditFilters } from './audit-export.ts'
import { because, guards, type ChangeOptions, type Reasoned } from './changes.ts'
import { NoAnswerError } from './errors.ts'
import { followOperation, waitForOperation, type FollowOptions, type WaitOptions } from './operations.ts'
import { listPages, type Listed } from './pages.ts'
import { relocationMethods } from './relocations.ts'
import type { ClientOptions } from './settings.ts'
import type {
  ListedAuditEvent,
  Checkpoint,
  Credentials,
  Diff,
  Event,
  ManifestText,
  Operation,
  OperationState,
  PlainTransition,
  Policy,
  PolicyRule,
  Preview,
  Report,
  Resource,
  Secret,
  Tenant,
  TenantContext,
  TenantManifest,
  TenantState,
} from './types.ts'

/** `confirm`: the slug of the tenant, for what cannot be undone; `cell`: to live in, for what chooses one. */
export type Confirmed = Reasoned & { readonly confirm?: string | undefined; readonly cell?: string | undefined }

/** What a manifest led to: `operation` is null when it is in force already. */
export type Applied = { tenant: Tenant; operation: Operation | null; changed: boolean }

export type CredentialsRequest = Reasoned & { readonly environment?: string | undefined }

type Wish = TenantManifest | ManifestText

/**
 * A client of the API of Freehold. What was cut off is sent once more, a change under the same idempotency key. Every
 * method throws ApiError for a refusal, NoAnswerError when there is no answer, and ArgumentError for what cannot be sent.
 */
export function createClient(options: ClientOptions) {
  const api = createApi(options)

  return {
    /** Everything the API has, for what has no method here. */
    api,

    /** Creates a tenant. */
    createTenant: (manifest: Wish, change: ChangeOptions = {}): Promise<{ tenant: Tenant; operation: Operation }> =>
      bodyOf(api.POST('/v1/tenants', { params: guards(change), ...manifestBody(manifest) })),

    /** Applies a manifest: creates the tenant when the slug is new, updates it when something differs. */
    applyTenant: (slug: string, manifest: Wish, change: ChangeOptions = {}): Promise<Applied> =>
      bodyOf(
        api.PUT('/v1/tenants/{idOrSlug}', {
          params: { path: { idOrSlug: slug }, ...guards(change) },
          ...manifestBody(manifest),
        }),
      ),

    /** What applying a manifest would do, and what would deny it; nothing is written. */
    previewManifest: (manifest: Wish): Promise<Preview> =>
      bodyOf(api.POST('/v1/tenants:preview', manifestBody(manifest))),

    /** Where what a tenant has differs from what its manifest in force asks for; a worker looks now. */
    diffTenant: (idOrSlug: string): Promise<Diff> =>
      bodyOf(api.GET('/v1/tenants/{idOrSlug}/diff', { params: { path: { idOrSlug } } })),

    /** The manifest in force with its contacts, as it can be applied; that it was given goes into the audit trail. */
    exportManifest: (idOrSlug: string): Promise<TenantManifest> =>
      bodyOf(api.GET('/v1/tenants/{idOrSlug}/manifest', { params: { path: { idOrSlug } } })),

    /** One tenant, with its manifest. */
    getTenant: (idOrSlug: string): Promise<Tenant> =>
      bodyOf(api.GET('/v1/tenants/{idOrSlug}', { params: { path: { idOrSlug } } })),

    /** Tenants, oldest first; purged ones only with that state. All of them, unless `limit` bounds it. */
    listTenants: ({
      limit = Infinity,
      ...filters
    }: {
      state?: TenantState
      profile?: string
      label?: string[]
      limit?: number
    } = {}): Promise<Listed<Tenant>> =>
      listPages(limit, async (cursor: string | undefined, size) => {
        const query = { ...filters, limit: size, ...(cursor === undefined ? {} : { cursor }) }
        const { items, nextCursor } = await bodyOf(api.GET('/v1/tenants', { params: { query } }))
        return { items, next: nextCursor }
      }),

    /** The context of one environment, by default prod. To ask again and again, see `createTenantContexts`. */
    getTenantContext: (idOrSlug: string, environment = 'prod'): Promise<TenantContext> =>
      bodyOf(api.GET('/v1/tenants/{idOrSlug}/context', { params: { path: { idOrSlug }, query: { environment } } })),

    /** What the ledger says the tenant has. */
    listTenantResources: async (idOrSlug: string): Promise<Resource[]> =>
      (await bodyOf(api.GET('/v1/tenants/{idOrSlug}/resources', { params: { path: { idOrSlug } } }))).items,

    /** The audit trail behind `after`, oldest first. */
    listTenantEvents: (
      idOrSlug: string,
      { after = 0, limit = Infinity }: { after?: number; limit?: number } = {},
    ): Promise<Listed<Event>> =>
      listPages(limit, async (position: number | undefined, size) => {
        const query = { after: position ?? after, limit: size }
        const asked = api.GET('/v1/tenants/{idOrSlug}/events', { params: { path: { idOrSlug }, query } })
        const { items, nextAfter } = await bodyOf(asked)
        return { items, next: nextAfter }
      }),

    /** Gives a tenant a command that takes no more than a reason, and where it says so the slug; see `transitions`. */
    transition: async (idOrSlug: string, command: PlainTransition, given: Confirmed = {}): Promise<Operation> => {
      const { confirm, cell } = given
      const asked = api.POST(`/v1/tenants/{idOrSlug}/${command}`, {
        params: { path: { idOrSlug }, ...guards(given) },
        body: {
          ...because(given),
          ...(confirm === undefined ? {} : { confirm }),
          ...(cell === undefined ? {} : { cell }),
        },
      })
      return (await bodyOf(asked)).operation
    },

    /** Events of all tenants and of the platform that fit, oldest first. */
    listAudit: ({ limit = Infinity, ...filters }: AuditFilters & { limit?: number } = {}): Promise<
      Listed<ListedAuditEvent>
    > =>
      listPages(limit, async (cursor: string | undefined, size) => {
        const query = { ...filters, limit: size, ...(cursor === undefined ? {} : { cursor }) }
        const answer = await bodyOf(api.GET('/v1/audit', { params: { query } }))
        if (typeof answer === 'object') return { items: answer.items, next: answer.nextCursor }
        throw new NoAnswerError('not-freehold', 'the API sends an export where it was asked for a list', {})
      }),

    /** The whole trail, or that of one tenant, as it comes: records that `readRecords` reads and `verifyAudit` verifies. */
    exportAudit: (tenant?: string): Promise<ReadableStream<Uint8Array>> => exportAudit(api, tenant),

    /** Checkpoints of the trail behind a number, oldest first. */
    listCheckpoints: ({ after = 0, limit = Infinity }: { after?: number; limit?: number } = {}): Promise<
      Listed<Checkpoint>
    > =>
      listPages(limit, async (position: number | undefined, size) => {
        const query = { after: position ?? after, limit: size }
        const { items, nextAfter } = await bodyOf(api.GET('/v1/audit/checkpoints', { params: { query } }))
        return { items, next: nextAfter }
      }),

    /** Signed reports on a tenant, oldest first; by its id also on a purged one. */
    listReports: async (idOrSlug: string): Promise<Report[]> =>
      (await bodyOf(api.GET('/v1/tenants/{idOrSlug}/reports', { params: { path: { idOrSlug } } }))).items,

    /** The keys that the platform signs with. */
    signingKeys: async () => (await bodyOf(api.GET('/.well-known/freehold/keys.json'))).keys,

    /** Puts a tenant under legal hold: it is neither deleted nor purged until the hold is lifted. */
    setLegalHold: async (idOrSlug: string, held: Reasoned & { readonly reason: string }): Promise<Tenant> => {
      const { reason } = held
      const params = { path: { idOrSlug }, ...guards(held) }
      return (await bodyOf(api.PUT('/v1/tenants/{idOrSlug}/legal-hold', { params, body: { reason } }))).tenant
    },

    /** Lifts it. */
    liftLegalHold: async (idOrSlug: string, reasoned: Reasoned = {}): Promise<Tenant> => {
      const params = { path: { idOrSlug }, ...guards(reasoned) }
      const asked = api.DELETE('/v1/tenants/{idOrSlug}/legal-hold', { params, body: because(reasoned) })
      return (await bodyOf(asked)).tenant
    },

    /** Wraps the key of a tenant by a new master key of its own; gives the ids of both. */
    rotateMasterKey: async (
      idOrSlug: string,
      reasoned: Reasoned = {},
    ): Promise<{ id: string; before: string | null }> => {
      const params = { path: { idOrSlug }, ...guards(reasoned) }
      const asked = api.POST('/v1/tenants/{idOrSlug}/master-key', { params, body: because(reasoned) })
      return (await bodyOf(asked)).masterKey
    },

    /** The credentials of an active tenant, by default those of prod; that they were read goes into the audit trail. */
    readCredentials: async (idOrSlug: string, request: CredentialsRequest = {}): Promise<Credentials> => {
      const answer = await bodyOf(askCredentials(api, idOrSlug, request, {}))
      if ('database' in answer) return answer
      throw new NoAnswerError('not-freehold', 'the API renews credentials that were only asked for', {})
    },

    /** Has the credentials of one environment renewed, by default those of prod. */
    rotateCredentials: async (idOrSlug: string, request: CredentialsRequest = {}): Promise<Operation> => {
      const answer = await bodyOf(askCredentials(api, idOrSlug, request, { rotate: true }))
      if ('operation' in answer) return answer.operation
      throw new NoAnswerError('not-freehold', 'the API shows credentials that it was to renew', {})
    },

    /** One operation. */
    getOperation: (id: string): Promise<Operation> =>
      bodyOf(api.GET('/v1/operations/{id}', { params: { path: { id } } })),

    /** Operations, newest first. */
    listOperations: ({
      limit = Infinity,
      ...filters
    }: {
      tenant?: string
      state?: OperationState
      limit?: number
    } = {}): Promise<Listed<Operation>> =>
      listPages(limit, async (cursor: string | undefined, size) => {
        const query = { ...filters, limit: size, ...(cursor === undefined ? {} : { cursor }) }
        const { items, nextCursor } = await bodyOf(api.GET('/v1/operations', { params: { query } }))
        return { items, next: nextCursor }
      }),

    ...relocationMethods(api),

    /** The rules that every command is judged by: those in force, or of a version. */
    getPolicy: ({ version }: { version?: number } = {}): Promise<Policy> =>
      bodyOf(api.GET('/v1/policies', { params: { query: version === undefined ? {} : { version } } })),

    /** Puts rules in force instead of those that are; `ifMatch` is the version that must be in force. */
    applyPolicy: (rules: readonly PolicyRule[], change: Reasoned = {}): Promise<{ policy: Policy; changed: boolean }> =>
      bodyOf(api.PUT('/v1/policies', { params: guards(change), body: { rules: [...rules], ...because(change) } })),

    /** Secrets of the platform by their names; never a value. */
    listSecrets: async (): Promise<Secret[]> => (await bodyOf(api.GET('/v1/secrets'))).items,

    /** Stores a secret, or its next version; the value cannot be read again. */
    putSecret: (name: string, value: string, reasoned: Reasoned = {}): Promise<{ secret: Secret; created: boolean }> =>
      bodyOf(
        api.PUT('/v1/secrets/{name}', {
          params: { path: { name }, ...guards(reasoned) },
          body: { value, ...because(reasoned) },
        }),
      ),

    /** Deletes a secret that no environment lives by, and gives what it was. */
    deleteSecret: async (name: string, reasoned: Reasoned = {}): Promise<Secret> => {
      const params = { path: { name }, ...guards(reasoned) }
      return (await bodyOf(api.DELETE('/v1/secrets/{name}', { params, body: because(reasoned) }))).deleted
    },

    /** Every state of an operation until it is at rest. */
    followOperation: (id: string, follow?: FollowOptions) => followOperation(api, id, follow),

    /** The last state of an operation, once it is at rest. */
    waitForOperation: (id: string, wait?: WaitOptions) => waitForOperation(api, id, wait),
  }
}
export type Client = ReturnType<typeof createClient>

function askCredentials(
  api: Api,
  idOrSlug: string,
  { environment, ...reasoned }: CredentialsRequest,
  more: { rotate?: true },
) {
  return api.POST('/v1/tenants/{idOrSlug}/credentials', {
    params: { path: { idOrSlug }, ...guards(reasoned) },
    body: { ...(environment === undefined ? {} : { environment }), ...more, ...because(reasoned) },
  })
}

/** A text is sent as it is, because the API counts its lines. */
function manifestBody(wish: Wish) {
  if (!('text' in wish)) return { body: wish }
  const { text, type } = wish
  // The types of the document have no place for a text; what is sent is what the serializer gives.
  return { body: {} as TenantManifest, bodySerializer: () => text, headers: { 'content-type': type } }
}
