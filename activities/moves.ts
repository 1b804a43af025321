import { cancellationSignal } from '@temporalio/activity'
import { moverPassword } from '../crypto/envelope.ts'
import { FreeholdError } from '../domain/errors.ts'
import type { JsonObject } from '../domain/json.ts'
import { currentPlacement } from '../domain/placement.ts'
import type { MovePlan } from '../domain/relocation.ts'
import { readSpec } from '../domain/resources.ts'
import type { Target } from '../isolation/mapper.ts'
import { translated } from '../isolation/mappers/database/errors.ts'
import { cutOver, type CutOutcome, type EndName } from '../isolation/move/cutover.ts'
import type { Move } from '../isolation/move/end.ts'
import { endOf } from '../isolation/move/ends.ts'
import { fill } from '../isolation/move/fill.ts'
import { mirrorSide } from '../isolation/move/mirror.ts'
import { planMove } from '../isolation/move/plan.ts'
import { prove } from '../isolation/move/prove.ts'
import { openLogin } from '../isolation/move/rights.ts'
import { closeSource, withdraw } from '../isolation/move/withdraw.ts'
import type { Claim } from '../operations/claim.ts'
import { readObservable } from '../operations/observable.ts'
import { highestEpoch, isSuspended, publishCut } from '../operations/publish-cut.ts'
import type { RelocationRow } from '../registry/entities/relocation.ts'
import { placementsOf } from '../registry/placements.ts'
import { sqlOf } from '../registry/pool.ts'
import { noteRelocation, waitsFor } from '../registry/relocations.ts'
import { carryOut, type StepInput } from './carry-out.ts'
import type { ActivityDeps } from './deps.ts'
import { toApplicationFailure } from './failure.ts'
import { placesOf } from './places-of.ts'
import { createHolders } from './snapshot-holders.ts'
import { targetOf } from './target.ts'

/** How long the copy waits for transactions that were open before it, in one try. */
const slotWaitMs = 20_000
/** How long a look before a move may take. */
const lookMs = 12_000
/** Tries of a cut within one try of its step. */
const cutTries = 8
/** Where a cut to each end is noted, and the phases of it. */
const cuts = {
  target: { fact: 'cut', during: 'cutover', after: 'verify' },
  source: { fact: 'back', during: 'rollback', after: 'rollback' },
} as const satisfies Record<EndName, object>
/** How often what people see of a copy is written. */
const noteEveryMs = 500

/**
 * Activities that move a database from one placement to another. Which move it is, the operation says; each may be run again at any
 * point and comes to the same end.
 */
export function createMoveActivities(deps: ActivityDeps) {
  const sql = sqlOf(deps.orm.pool)
  const holders = createHolders()
  const passwordOf = (role: string) => moverPassword(deps.platformKey, role)

  /** The move that a step belongs to, with both of its ends as they can be reached just now. */
  async function movingOf(claim: Claim, target: Target) {
    if (target.spec.kind !== 'database') throw new TypeError(`${claim.step.key} moves no database`)
    const { relocation, source, target: to } = await placesOf(deps, claim, target, 'database')
    const move: Move = {
      id: relocation.id.replaceAll('-', ''),
      tenantId: claim.tenantId,
      environment: relocation.environment,
      source: endOf(source, passwordOf),
      target: endOf(to, passwordOf),
    }
    return { relocation, move, targets: { source, target: to } }
  }

  /** Notes for people where it is, not more often than they can read. */
  function noting(relocation: RelocationRow) {
    let last = 0
    return (phase: string, progress: JsonObject, isSeldom = true) => {
      const now = performance.now()
      if (isSeldom && now - last < noteEveryMs) return
      last = now
      // What people see of it is not worth a failure.
      noteRelocation(sql, relocation.id, { phase, progress }).catch(() => {})
    }
  }

  async function fillTarget(claim: Claim, { move, relocation }: Moving, signal: AbortSignal) {
    const note = noting(relocation)
    let phase = ''
    const filled = await fill(move, {
      fence: claim.fence,
      throttle: relocation.options.throttle,
      slotWaitMs,
      onProgress(progress) {
        note(progress.phase, { ...progress }, progress.phase === phase)
        phase = progress.phase
      },
      signal,
    })
    const { tables, bytes, ms, lsn, triggers } = filled
    const facts = { tables, triggers, copy: { bytes, ms, lsn } }
    await noteRelocation(sql, relocation.id, { phase: 'ready', facts })
    return facts
  }

  async function cutTo(claim: Claim, moving: Moving, wanted: EndName, signal: AbortSignal): Promise<CutOutcome> {
    const { move, relocation, targets } = moving
    const { triggers = { quiet: [], wake: [] }, tables = [] } = relocation.facts
    const numbers = { source: relocation.source, target: relocation.target }
    const suspended = () => isSuspended(sql, claim.tenantId)
    if (!(await suspended())) await openLogin(move[wanted], signal)
    const { fact, during, after } = cuts[wanted]
    await noteRelocation(sql, relocation.id, { phase: during })
    const outcome = await cutOver(move, wanted, {
      fence: claim.fence,
      floor: await highestEpoch(sql, relocation),
      budgetMs: relocation.options.pauseBudgetMs,
      tables: tables.length,
      triggers,
      tries: cutTries,
      suspended,
      publish: (serving, side) =>
        publishCut(deps.orm.pool, { id: claim.operationId, correlationId: claim.correlationId }, relocation, {
          ...side,
          number: numbers[serving],
        }),
      signal,
    })
    for (const name of ['source', 'target'] as const) await mirrorSide(move, targets[name], move[name], claim.fence)
    const { measured } = outcome
    const { holders: held = [], marker: _marker, ...told } = measured ?? {}
    holders.keep(relocation.id, held)
    const cut = { serving: outcome.serving, epoch: outcome.epoch, ...told }
    // Of one that an earlier try has made, what that has noted stays.
    const known = relocation.facts[fact]
    const noted = measured === undefined && known?.epoch === outcome.epoch ? known : cut
    await noteRelocation(sql, relocation.id, { phase: after, facts: { [fact]: noted } })
    return outcome
  }

  /** The database that an environment lives in, as it can be reached for a look. */
  async function livingDatabase(
    tenantId: string,
    environment: string,
    signal: AbortSignal,
  ): Promise<Target<'database'>> {
    const all = await readObservable(sql, deps.platform, tenantId)
    const placements = await placementsOf(sql, deps.platform, { id: tenantId, plan: '' })
    const number = currentPlacement(placements, environment)?.number
    const found = all.find(
      ({ spec }) => spec.kind === 'database' && spec.environment === environment && spec.placement === number,
    )
    if (found === undefined || found.cell === null)
      throw new FreeholdError('environment_not_found', `environment "${environment}" has no database`)
    const spec = readSpec(found.spec, found.specVersion)
    const subject = { ...found, tenantId, spec, cell: found.cell, bus: null, fence: 0, birth: 'standby' as const }
    return (await targetOf(deps, subject, lookMs, signal)) as Target<'database'>
  }

  type Moving = Awaited<ReturnType<typeof movingOf>>
  const moving = (
    action: 'copy' | 'await' | 'cut' | 'prove' | 'revert' | 'release',
    given: StepInput,
    act: (claim: Claim, moving: Moving, target: Target) => Promise<JsonObject>,
  ) =>
    carryOut(deps, action, given, async (_, target, claim) => {
      const found = await movingOf(claim, target)
      const data = await translated(target, () => act(claim, found, target))
      return {
        event: {
          type: 'TENANCY_RELOCATION_ADVANCED' as const,
          data: { relocation: found.relocation.id, step: action, ...data },
        },
      }
    })

  return {
    /** The preflight of a move alone. */
    async planMove({ tenantId, environment }: { tenantId: string; environment: string }): Promise<MovePlan> {
      const signal = AbortSignal.any([cancellationSignal(), AbortSignal.timeout(lookMs)])
      try {
        const target = await livingDatabase(tenantId, environment, signal)
        return await translated(target, () => planMove(endOf(target, passwordOf), signal))
      } catch (error) {
        throw toApplicationFailure(error)
      }
    },

    /** Makes the target a copy that follows the source. */
    copy: (given: StepInput) =>
      moving('copy', given, async (claim, found, { signal }) => {
        const { copy, tables } = await fillTarget(claim, found, signal)
        return { ...copy, tables: tables.length }
      }),

    /** Ends when somebody has given the word and the window is open. The target follows the source meanwhile. */
    await: (given: StepInput) =>
      moving('await', given, async (_, { relocation: { id, options } }) => {
        const waits = await waitsFor(sql, id)
        if (waits === 'over')
          throw new FreeholdError(
            'move_window_over',
            `the window for the cut ended at ${options.window?.until}; relocate again`,
          )
        if (waits === undefined) return {}
        await noteRelocation(sql, id, { phase: 'ready', progress: { waitsFor: waits } })
        const what =
          waits === 'approval' ? 'somebody to approve it' : `its window, which opens at ${options.window?.from}`
        throw new FreeholdError('move_waiting', `the cut waits for ${what}`)
      }),

    /** The cut; begun anew with the copy, where the copy does not follow any more. */
    cut: (given: StepInput) =>
      moving('cut', given, async (claim, found, { signal }) => {
        try {
          const { epoch, measured } = await cutTo(claim, found, 'target', signal)
          return { epoch, fenceMs: measured?.fenceMs ?? null }
        } catch (error) {
          if (!(error instanceof FreeholdError && isStale(error))) throw error
          await noteRelocation(sql, found.relocation.id, { phase: 'copy', progress: { why: error.message } })
          await fillTarget(claim, found, signal)
          throw error
        }
      }),

    /** Compares every table in full on both sides, as they were at the cut. */
    prove: (given: StepInput) =>
      moving('prove', given, async (claim, { move, relocation }, { signal }) => {
        const { cut } = relocation.facts
        const note = noting(relocation)
        const pair = cut?.snapshots && { source: cut.snapshots.from, target: cut.snapshots.to }
        try {
          const proof = await prove(move, {
            fence: claim.fence,
            pair,
            serving: 'target',
            onProgress: (progress) => note('verify', progress),
            signal,
          })
          await noteRelocation(sql, relocation.id, { phase: 'verified', facts: { proof } })
          return { tables: proof.tables.length, taken: proof.taken, lsn: proof.lsn }
        } finally {
          holders.end(relocation.id)
        }
      }),

    /** Sees that the source serves, by the cut the other way where that is needed, and takes away what the move has made. */
    revert: (given: StepInput) =>
      moving('revert', given, async (claim, found, { signal }) => {
        const { id, facts } = found.relocation
        holders.end(id)
        // Of one that was never a copy, nothing can have been cut.
        const cut = facts.copy === undefined ? undefined : await cutTo(claim, found, 'source', signal)
        holders.end(id)
        await withdraw(found.move, 'target', claim.fence, signal)
        return { epoch: cut?.epoch ?? null }
      }),

    /** Closes the source for good, and takes away what the move has made. */
    release: (given: StepInput) =>
      moving('release', given, async (claim, { move, relocation }, { signal }) => {
        await noteRelocation(sql, relocation.id, { phase: 'complete' })
        await closeSource(move, signal)
        await withdraw(move, 'source', claim.fence, signal)
        return {}
      }),
  }
}
export type MoveActivities = ReturnType<typeof createMoveActivities>

/** The copy is not what it was: it has to be made again before there can be a cut. */
const isStale = ({ code }: FreeholdError) => code === 'move_stream_broken'
