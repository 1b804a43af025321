import { archiveMutants } from './archive-mutants.ts'
import { auditMutants } from './audit-mutants.ts'
import { byocMutants } from './byoc-mutants.ts'
import { faultMutants } from './fault-mutants.ts'
import { governanceMutants } from './governance-mutants.ts'
import { lifeMutants } from './life-mutants.ts'
import { relocationMutants } from './relocation-mutants.ts'
import { sdkMutants } from './sdk-mutants.ts'
import { updateMutants } from './update-mutants.ts'

/** One mechanism and how to switch it off: texts of one file that are replaced, each found exactly once. */
export type Mutant = {
  readonly name: string
  readonly file: string
  readonly swaps: readonly (readonly [from: string, to: string])[]
  /** File of the test that must fail then, and its name, where a part of the file is enough. */
  readonly test: string
  readonly only?: string
}

const integration = 'test/integration'

/** Mechanisms that keep a promise of the product, each with the test that proves it. */
export const mutants: readonly Mutant[] = [
  {
    name: 'the database compares fences',
    file: 'isolation/mappers/database/placement.ts',
    swaps: [['where p.fence <= excluded.fence and ${condition}', 'where ${condition}']],
    test: `${integration}/operations/stalled.test.ts`,
    only: 'ensure prod/1/database',
  },
  {
    name: 'a database of its own is made under the claim of its cell',
    file: 'isolation/mappers/database/own-verbs.ts',
    swaps: [['const birth = bornAs(claimedState())', `const birth = 'active'`]],
    test: 'test/conformance/verbs.test.ts',
    only: 'a late ensure after a removal makes nothing',
  },
  {
    name: 'a task queue of its own is closed by its rate',
    file: 'isolation/mappers/runtime.ts',
    swaps: [['if (!ownQueue) return\n', 'if (ownQueue || !ownQueue) return\n']],
    test: `${integration}/workloads/own-queue.test.ts`,
  },
  {
    name: 'a database of its own has its owner tag before it has its name',
    file: 'isolation/mappers/database/own-database.ts',
    swaps: [['`comment on database ${draft} is ${tag}`,', '']],
    test: `${integration}/isolation/own-database.test.ts`,
  },
  {
    name: 'a removed database leaves a tombstone',
    file: 'isolation/mappers/database/placement.ts',
    swaps: [
      [`(p.fence < excluded.fence or p.state <> 'retired')`, 'true'],
      ['where p.fence <= excluded.fence and ${condition}', 'where ${condition}'],
    ],
    test: `${integration}/isolation/database-mapper.test.ts`,
    only: 'tombstone',
  },
  {
    name: 'a step ends only under its claim',
    file: 'operations/finish.ts',
    swaps: [
      [
        'from locked where r.tenant_id = $2 and r.key = $3 and r.fence = $4',
        'from locked where r.tenant_id = $2 and r.key = $3',
      ],
    ],
    test: `${integration}/operations/stalled.test.ts`,
    only: 'while the second works',
  },
  {
    name: 'secrets are written only under the claim',
    file: 'registry/secrets.ts',
    swaps: [
      [
        '`exists (select from resources where tenant_id = $1 and key = $2 and fence = $3 and claimed_until is not null)`',
        '`$1::uuid is not null and $2::text is not null and $3::bigint is not null`',
      ],
    ],
    test: `${integration}/operations/stalled.test.ts`,
  },
  {
    name: 'a claim whose lease has run out is free',
    file: 'operations/claim.ts',
    swaps: [[' or r.claimed_until < now()', '']],
    test: `${integration}/provision/late.test.ts`,
    only: 'once the lease is over',
  },
  {
    name: 'what a dead worker had claimed is taken up',
    file: 'operations/claim.ts',
    swaps: [
      [' or (r.claimed_by = o.id and r.claimed_attempt = o.attempt)', ''],
      ['make_interval(secs => $5::float8 / 1000)', 'make_interval(secs => $5::float8)'],
      ['make_interval(secs => $4::float8 / 1000)', 'make_interval(secs => $4::float8)'],
    ],
    test: `${integration}/provision/killed-worker.test.ts`,
    only: 'of a provision, and of the undo',
  },
  {
    name: 'a step that is done is not done again',
    file: 'operations/claim.ts',
    swaps: [
      [`and o.step ->> 'state' in ('pending', 'failed')`, ''],
      [`if (step.state === 'done' || step.state === 'undone') return 'done'`, ''],
    ],
    test: `${integration}/provision/twice.test.ts`,
  },
  {
    name: 'a try has an end, whatever its mapper does',
    file: 'activities/carry-out.ts',
    swaps: [['await lease.race(act(mapper, target, claim))', 'await act(mapper, target, claim)']],
    test: `${integration}/operations/patience.test.ts`,
    only: 'hangs in spite of its signal',
  },
  {
    name: 'what fails is undone (the workflow)',
    file: 'workflows/undo.ts',
    swaps: [['await beginUndo(input)', '(await beginUndo(input))?.slice(0, 0) ?? null']],
    test: `${integration}/provision/outside.test.ts`,
    only: 'removes all that was made',
  },
  {
    name: 'what fails is undone (its steps)',
    file: 'domain/steps.ts',
    swaps: [['createdBy === operation)', `createdBy === '')`]],
    test: `${integration}/provision/late.test.ts`,
    only: 'an abort that was accepted',
  },
  {
    name: 'an accepted abort is not overtaken by success',
    file: 'operations/settle.ts',
    swaps: [[`if (succeeded && operation.intent === 'compensate') return 'to-be-undone'`, '']],
    test: `${integration}/provision/late.test.ts`,
    only: 'changes nothing',
  },
  {
    name: 'success needs every step done',
    file: 'operations/settle.ts',
    swaps: [[`if (succeeded && !isDone(operation)) return 'to-be-finished'`, '']],
    test: `${integration}/operations/refused.test.ts`,
  },
  {
    name: 'a new side is born as the latch says',
    file: 'activities/carry-out.ts',
    swaps: [[`isClosed ? 'suspended' : 'active'`, `'active'`]],
    test: `${integration}/operations/suspended.test.ts`,
  },
  {
    name: 'a suspended tenant does not become active',
    file: 'domain/lifecycle.ts',
    swaps: [[`return state === 'active' && facts.suspended ? 'suspended' : state`, 'return state']],
    test: `${integration}/operations/suspended.test.ts`,
  },
  {
    name: 'a workflow must be the operation’s',
    file: 'operations/caller.ts',
    swaps: [['if (workflow !== own)', `if (workflow === 'never')`]],
    test: `${integration}/operations/refused.test.ts`,
    only: 'workflow',
  },
  {
    name: 'a workflow must name the operation’s tenant',
    file: 'operations/caller.ts',
    swaps: [['if (operation.tenant !== input.tenantId)', `if (operation.tenant === 'never')`]],
    test: `${integration}/operations/refused.test.ts`,
    only: 'another tenant',
  },
  {
    name: 'nothing is claimed for another tenant',
    file: 'operations/claim.ts',
    swaps: [['and o.tenant_id::text = $8', 'and $8::text is not null']],
    test: `${integration}/operations/refused.test.ts`,
    only: 'another tenant',
  },
  {
    name: 'a step must be in the recorded plan',
    file: 'operations/claim.ts',
    swaps: [
      [`and o.step ->> 'action' = $4`, 'and $4::text is not null'],
      ['if (step?.action === action)', 'if (step !== null)'],
    ],
    test: `${integration}/operations/refused.test.ts`,
    only: 'not in the plan',
  },
  {
    name: 'a spec of newer code is left alone',
    file: 'operations/wanted-resources.ts',
    swaps: [
      ['every((entry) => entry.specVersion >= specVersion)', 'every((entry) => entry.specVersion === specVersion)'],
      ['return entry.specVersion >= specVersion ||', 'return entry.specVersion === specVersion ||'],
    ],
    test: `${integration}/operations/refused.test.ts`,
  },
  {
    name: 'an undo describes older specs anew',
    file: 'operations/begin.ts',
    swaps: [['const entries = [...rewritten, ...changedBack]', 'const entries = changedBack']],
    test: `${integration}/operations/refused.test.ts`,
  },
  {
    name: 'beginning twice is beginning once',
    file: 'operations/begin.ts',
    swaps: [[`operation.phase !== 'accepted'`, 'operation.steps.length > 0']],
    test: `${integration}/provision/twice.test.ts`,
  },
  {
    name: 'a rotation renews once',
    file: 'isolation/rotation.ts',
    swaps: [
      ['const value = renewal?.rotation === rotation ? renewal.value : make()', 'const value = make()'],
      ['if (renewal?.rotation !== rotation) await', 'await'],
    ],
    test: `${integration}/provision/twice.test.ts`,
  },
  {
    name: 'a rotation ends the sessions',
    file: 'isolation/mappers/database/sessions.ts',
    swaps: [['where usename = current_user and', 'where false and']],
    test: 'test/conformance/attacks.test.ts',
    only: 'a thief with a session',
  },
  {
    name: 'who is closed is not let into the database',
    file: 'isolation/mappers/database/close.ts',
    swaps: [['last: leaveStatements(found, roles)', 'last: found && []']],
    test: `${integration}/isolation/held-rows.test.ts`,
    only: 'is frozen and thawed',
  },
  {
    name: 'sessions end before their role is closed',
    file: 'isolation/mappers/database/close.ts',
    swaps: [['...endingStatements(role), ', '']],
    test: `${integration}/isolation/held-rows.test.ts`,
    only: 'a thief that holds the row',
  },
  {
    name: 'a tenant that locks another is ended',
    file: 'isolation/mappers/database/blockers.ts',
    swaps: [['if (pid !== undefined) await', 'if (pid === null) await']],
    test: `${integration}/isolation/held-rows.test.ts`,
    only: 'holds up neither',
  },
  {
    name: 'a migration that hangs ends before its owner is closed',
    file: 'isolation/mappers/database/owner-session.ts',
    swaps: [['const ending = isIdle ? [] : endingStatements(ownerRole)', 'const ending: string[] = []']],
    test: `${integration}/isolation/held-rows.test.ts`,
    only: 'a migration that holds',
  },
  {
    name: 'what is not the tenant’s is refused',
    file: 'isolation/mappers/database/found.ts',
    swaps: [['({ part }) => part.owner !== tenantId', `({ part }) => part.owner === 'never' + tenantId`]],
    test: `${integration}/provision/foreign.test.ts`,
  },
  {
    name: 'tenants take no advisory locks',
    file: 'isolation/mappers/database/bootstrap-plan.ts',
    swaps: [[String.raw`  String.raw${'`'}pg\_advisory\_%${'`'},`, '']],
    test: 'test/conformance/attacks.test.ts',
    only: 'advisory lock',
  },
  {
    name: 'a migration is logged in as the owner',
    file: 'isolation/mappers/database/owner-session.ts',
    swaps: [
      [
        'const connect = () => connections.connectAs(target.cell, login)',
        `const { username: user, password: secret } = new URL(target.cell.provisionerUrl)
  const options = login.options.replace('role=none', \`role=\${ownerRole}\`)
  const connect = () => connections.connectAs(target.cell, { ...login, user, password: secret, options })`,
      ],
    ],
    test: 'test/conformance/attacks.test.ts',
    only: 'is whom it logged in as',
  },
  {
    name: 'a connection to the registry is always given back',
    file: 'registry/pool.ts',
    swaps: [['    client.release(fault !== undefined)\n', '    if (fault === undefined) client.release()\n']],
    test: `${integration}/registry/outage.test.ts`,
    only: 'ten times under load',
  },
  {
    name: 'a manifest is compared by the hash of the wish',
    file: 'operations/in-force.ts',
    swaps: [['if (stored.wishHash === wishHash(sealer, manifest)) return true', '']],
    test: `${integration}/operations/wish.test.ts`,
  },
  {
    name: 'what goes forward does not give up',
    file: 'activities/carry-out.ts',
    swaps: [[`const goesForward = lifecycle[claim.kind].cannotFinish === 'goes-forward'`, 'const goesForward = false']],
    test: `${integration}/operations/patience.test.ts`,
    only: 'wait for their bus',
  },
  {
    name: 'what the world refuses is counted',
    file: 'operations/finish.ts',
    swaps: [['claimed_until = null, failures = $7', 'claimed_until = null']],
    test: `${integration}/operations/patience.test.ts`,
    only: 'gives up after its number of tries',
  },
  {
    name: 'a rotation can be given up',
    file: 'domain/lifecycle.ts',
    swaps: [[` || (through === 'keeps' && !ofMoves.includes(command))`, '']],
    test: `${integration}/operations/patience.test.ts`,
    only: 'can be given up',
  },
  {
    name: 'rows of deliveries are locked in one order',
    file: 'operations/finish.ts',
    swaps: [
      ['    await write(sql)\n', ''],
      [
        'if (removes) await closeDelivery(sql, claim)',
        'if (removes) await closeDelivery(sql, claim)\n    await write(sql)',
      ],
    ],
    test: `${integration}/provision/late.test.ts`,
    only: 'in a circle',
  },
  {
    name: 'what is due waits while the tenant is held',
    file: 'operations/due.ts',
    swaps: [['await assertMayStart(sql, operation.kind, tenant)', '']],
    test: `${integration}/operations/due.test.ts`,
    only: 'waits while the tenant is held',
  },
  {
    name: 'what cannot be accepted yet hides nothing that can',
    file: 'operations/due.ts',
    swaps: [['if (last === undefined || due.length < limit) break', 'break']],
    test: `${integration}/operations/due.test.ts`,
    only: 'does not wait behind others',
  },
  {
    name: 'a lost claim says nothing of the step',
    file: 'activities/carry-out.ts',
    swaps: [['nonRetryable: isOurs && givesUp', 'nonRetryable: !isOurs || givesUp']],
    test: `${integration}/operations/patience.test.ts`,
    only: 'claims a step late',
  },
  {
    name: 'a registry that is read-only is waited for',
    file: 'registry/unavailable.ts',
    swaps: [['|25P03|25006)$/', '|25P03)$/']],
    test: `${integration}/operations/patience.test.ts`,
    only: 'read-only for a while',
  },
  {
    name: 'what was left half-way by an abort is told',
    file: 'operations/settle.ts',
    swaps: [[`outcome === 'aborted' ? await halfDone(sql, held) : []`, '[]']],
    test: `${integration}/operations/patience.test.ts`,
    only: 'can be given up',
  },
  {
    name: 'nothing is told that a crash may take',
    file: 'registry/deliveries.ts',
    swaps: [[' and seq <= w.head', '']],
    test: `${integration}/events/deliveries.test.ts`,
    only: 'is not told before the next',
  },
  {
    name: 'the end of an undo is on the disk',
    file: 'operations/finish.ts',
    swaps: [[`where intent = 'forward') then 'off'`, `) then 'off'`]],
    test: `${integration}/provision/late.test.ts`,
    only: 'need not be on the disk',
  },
  {
    name: 'an operation stalls once',
    file: 'operations/settle.ts',
    swaps: [[`if (outcome === 'stalled' && hasStalled) return 'settled'`, '']],
    test: `${integration}/provision/late.test.ts`,
    only: 'tells it once',
  },
  {
    name: 'retry is a transition like any other',
    file: 'operations/retry-and-abort.ts',
    swaps: [['    await assertMayStart(sql, kind, tenant)\n', '']],
    test: `${integration}/api/commands.test.ts`,
    only: 'was purged meanwhile',
  },
  ...auditMutants,
  ...byocMutants,
  ...governanceMutants,
  ...faultMutants,
  ...lifeMutants,
  ...relocationMutants,
  ...archiveMutants,
  ...updateMutants,
  ...sdkMutants,
]
