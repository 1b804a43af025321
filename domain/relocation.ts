/**
 * SQLSTATE of every refusal that a move is the reason of: a stale epoch at the gate, a write on the side that is not the
 * tenant's any more, or not yet. Who gets it reads the tenant context again and runs the whole transaction where that says.
 */
export const movedState = 'FH010'

/** Steps of a cut, in the words of the protocol (relocation.md, F1 to F4), and what settles a cut that nobody knows the end of. */
export const cutSteps = ['fence', 'close', 'open', 'publish', 'resolve'] as const
export type CutStep = (typeof cutSteps)[number]

/** `moving` until it is proven, `soaking` while there is a way back. */
export const relocationStates = ['moving', 'soaking', 'completed', 'rolled-back', 'failed'] as const
export type RelocationState = (typeof relocationStates)[number]

/** What whoever commands a move may choose. */
export type RelocationOptions = {
  readonly profile: string
  /** A cell by name; any with room, unless it is said. */
  readonly cell?: string | undefined
  /** How long writers may wait for one try of the cut, in milliseconds. */
  readonly pauseBudgetMs: number
  /** Bytes a second that the copy may take; no limit where absent. */
  readonly throttle?: number | undefined
  /** How long the way back stays open, in seconds. */
  readonly soakSeconds: number
  /** Somebody has to give the word for the cut. */
  readonly approval?: boolean | undefined
  /** The cut is made between these times alone, in ISO 8601. */
  readonly window?: { readonly from: string; readonly until: string } | undefined
}

/** What the steps of a move tell each other, and the report. */
export type RelocationFacts = {
  /** Tables with rows of their own, as they were copied. */
  readonly tables?: readonly { readonly name: string; readonly rows: number; readonly bytes: number }[]
  /** What puts triggers to sleep that fire for replicated rows, and wakes them again. */
  readonly triggers?: { readonly quiet: readonly string[]; readonly wake: readonly string[] }
  readonly copy?: { readonly bytes: number; readonly ms: number; readonly lsn: string }
  /** Objects, once both areas were compared with both of them closed; from then on they are at the target. */
  readonly objects?: { readonly count: number; readonly bytes: number }
  readonly approved?: { readonly by: string; readonly at: string }
  readonly cut?: CutFacts
  readonly back?: CutFacts
  readonly proof?: ProofFacts
}

/** One cut: what it took, and where the other steps find the snapshots of that moment. */
export type CutFacts = {
  readonly serving: 'source' | 'target'
  readonly epoch: number
  readonly tries?: number
  readonly fenceMs?: number
  readonly publishedMs?: number
  /** Hash of what both sides were made of. */
  readonly structure?: string
  readonly snapshots?: { readonly from: string; readonly to: string }
}

/** Both sides at the exact cut, table by table. */
export type ProofFacts = {
  readonly tables: readonly { readonly name: string; readonly rows: string; readonly hash: string }[]
  readonly lsn: { readonly source: string; readonly target: string }
  /** Whether the snapshots were those of the cut, or of a moment later, because the worker that held them was gone. */
  readonly taken: 'at-the-cut' | 'later'
  readonly ms: number
}

/** Why a move cannot be, or should not be yet, and what to do about it. */
export type Blocker = {
  /** A kind of reason, such as `no_replica_identity`. */
  readonly code: string
  readonly object: string
  /** What is wrong. */
  readonly message: string
  /** How it goes away: the SQL, where there is one. */
  readonly remedy: string
  /** It passes by itself, or costs time only; the move may begin. */
  readonly isWarning?: true
}

/** What a move would have to do, and what stands in its way. */
export type MovePlan = {
  readonly tables: readonly { readonly name: string; readonly rows: number; readonly bytes: number }[]
  readonly sequences: number
  readonly bytes: number
  readonly blockers: readonly Blocker[]
}
