import { bodyOf, type Api } from './api.ts'
import { because, guards, type Reasoned } from './changes.ts'
import type { Operation, Relocation, RelocationPlan } from './types.ts'

/** Where a tenant is to move, and how; what is left out is as the API has it by default. */
export type RelocationRequest = Reasoned & {
  /** Profile of the new placement. */
  readonly profile: string
  readonly cell?: string | undefined
  readonly environment?: string | undefined
  /** How long writers may wait for one try of the cut, in milliseconds. */
  readonly pauseBudgetMs?: number | undefined
  /** Bytes a second that the copy may take. */
  readonly throttle?: number | undefined
  /** How long the move can be rolled back after the cut, in seconds. */
  readonly soakSeconds?: number | undefined
  /** The cut waits until somebody approves it. */
  readonly approval?: boolean | undefined
  /** The cut is made between these times alone, in ISO 8601. */
  readonly window?: { readonly from: string; readonly until: string } | undefined
}

/** A move, and the operation that a command to it has become. */
export type RelocationAccepted = { relocation: Relocation; operation: Operation }

/** Moves of tenants, as methods of the client. */
export function relocationMethods(api: Api) {
  const command =
    (name: 'abort' | 'approve' | 'complete' | 'rollback') =>
    (idOrSlug: string, relocation: string, reasoned: Reasoned = {}): Promise<RelocationAccepted> =>
      bodyOf(
        api.POST(`/v1/tenants/{idOrSlug}/relocations/{relocation}/${name}`, {
          params: { path: { idOrSlug, relocation }, ...guards(reasoned) },
          body: because(reasoned),
        }),
      )

  return {
    /** What a move would have to do, and what stands in its way; nothing is changed. */
    planRelocation: (
      idOrSlug: string,
      wanted: Pick<RelocationRequest, 'profile' | 'cell' | 'environment' | 'throttle'>,
    ): Promise<RelocationPlan> => {
      const { profile, cell, environment, throttle } = wanted
      return bodyOf(
        api.POST('/v1/tenants/{idOrSlug}/relocations:plan', {
          params: { path: { idOrSlug } },
          body: { target: { profile, ...said({ cell }) }, ...said({ environment, throttle }) },
        }),
      )
    },

    /** Begins to move one environment to another placement, by default prod, while it is written to. */
    relocateTenant: (idOrSlug: string, wanted: RelocationRequest): Promise<RelocationAccepted> => {
      const { profile, cell, environment, pauseBudgetMs, throttle, soakSeconds, approval, window } = wanted
      const limits = said({ environment, pauseBudgetMs, throttle, soakSeconds, approval, window })
      return bodyOf(
        api.POST('/v1/tenants/{idOrSlug}/relocations', {
          params: { path: { idOrSlug }, ...guards(wanted) },
          body: { target: { profile, ...said({ cell }) }, ...limits, ...because(wanted) },
        }),
      )
    },

    /** The moves of a tenant, newest first; the newest hundred. */
    listRelocations: async (idOrSlug: string): Promise<Relocation[]> =>
      (await bodyOf(api.GET('/v1/tenants/{idOrSlug}/relocations', { params: { path: { idOrSlug } } }))).items,

    /** One move: phase, progress, what the cut took, what was proven. */
    getRelocation: async (idOrSlug: string, relocation: string): Promise<Relocation> => {
      const params = { path: { idOrSlug, relocation } }
      return (await bodyOf(api.GET('/v1/tenants/{idOrSlug}/relocations/{relocation}', { params }))).relocation
    },

    /** Gives the word for the cut of a move that waits for it. */
    approveRelocation: command('approve'),

    /** Takes a tenant back to where it was before a move, with every write made since. */
    rollbackRelocation: command('rollback'),

    /** Ends a move for good: the old placement goes, and there is no way back any more. */
    completeRelocation: command('complete'),

    /** Gives up a move that is under way: the tenant is where it was. */
    abortRelocation: command('abort'),
  }
}

/** Without what was not said. */
function said<T extends object>(given: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(given).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> }
}
