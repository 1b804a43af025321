const correct = 'correct the file and apply it again; nothing was changed'
const offered = 'take one that the platform file of the installation offers; nothing was changed'
const leaveOut = 'leave it out; nothing was changed'
const exists =
  'choose another metadata.slug, or see what is in force: freehold get TENANT --output yaml; nothing was changed'
const again = 'try again in a moment'
const operator = 'this is for who runs the platform: its log and configuration say more'

/** TENANT stands for the tenant of the request, where there is one. */
const steps: Readonly<Record<string, string>> = {
  invalid_request: 'correct what is named above; `--help` behind the command says what it takes',
  malformed_body: correct,
  manifest_invalid: correct,
  not_available: leaveOut,
  isolation_not_available: leaveOut,
  profile_not_configured: offered,
  plan_not_configured: offered,
  region_not_configured: offered,
  schema_version_unknown: correct,
  field_immutable: 'do what each line says instead; nothing was changed',
  policy_denied: 'do what each line says, or ask who sets the policy (freehold policies get); nothing was changed',
  policy_version_unknown: 'see the one in force: freehold policies get',
  policy_version_mismatch:
    'someone else changed the policy; look at it (freehold policies get) and apply the change to it',
  governance_answer_invalid: operator,
  governance_unavailable: 'once the governance endpoint answers: freehold retry TENANT --wait',
  unauthenticated: 'take a key of the platform at FREEHOLD_URL; `freehold --help` says where keys are looked for',
  forbidden: 'use a key with the role platform-operator or platform-admin',
  not_found:
    'what is named is not there; where it should be, check FREEHOLD_URL, and that the API is as new as this program',
  method_not_allowed: 'check FREEHOLD_URL, and that the API is as new as this program',
  secret_not_found: 'store it: freehold secrets put NAME --file FILE; see which there are: freehold secrets list',
  secret_unusable: 'put a connection URL such as postgresql://user:password@host:5432/postgres under that name',
  secret_in_use: 'see who uses it: freehold secrets list; nothing was changed',
  byoc_address_denied:
    'put a URL of a server elsewhere: freehold secrets put NAME; or have the operator of Freehold allow its network',
  byoc_login_refused:
    'put a URL that the server accepts (freehold secrets put NAME), then: freehold retry TENANT --wait',
  byoc_rights_missing: 'have the named statements run on that server, then: freehold retry TENANT --wait',
  tenant_not_found: 'see which there are: freehold list',
  tenant_gone: 'what is left is its audit trail, by its id: freehold events ID',
  operation_not_found: 'see which there are: freehold operations',
  environment_not_found: 'see which there are: freehold describe TENANT',
  slug_taken: exists,
  confirmation_mismatch: 'say the slug of the tenant: --confirm SLUG; nothing was changed',
  legal_hold: 'see why: freehold describe TENANT; then freehold hold lift TENANT',
  delete_protected: 'apply the manifest with spec.policies.deleteProtection: false; nothing was changed',
  leftovers_found: 'remove what is named, then: freehold retry TENANT --wait',
  operation_in_progress: 'wait for the running one: freehold watch TENANT',
  operation_not_open: 'see how it ended: freehold operations TENANT',
  transition_not_allowed: 'see what is allowed now: freehold describe TENANT',
  idempotency_conflict: 'give the command again',
  idempotency_in_progress: 'the same call is still under way; try again in a moment',
  generation_mismatch: 'someone else changed the tenant; look at it (freehold get TENANT) and try again',
  body_too_large: 'split the file; a manifest has room for 1 MiB',
  unsupported_media_type: 'send YAML or JSON in UTF-8',
  cell_exhausted: 'open a cell with room, then try again',
  bus_exhausted: 'add a bus with room to the platform file, then try again',
  network_exhausted: 'enlarge the address pool of the region, then try again',
  resource_not_owned: 'what is in the way belongs to another; see it with freehold describe TENANT',
  answer_too_large:
    'have the statement that is named in the operation give fewer rows, then: freehold retry TENANT --wait',
  migration_failed: 'correct the migration, then: freehold retry TENANT --wait',
  migration_changed: 'restore the migration, then: freehold retry TENANT --wait',
  relocation_not_found: 'see the newest: freehold relocate status TENANT',
  relocation_not_possible: 'see where it is, and what is possible now: freehold relocate status TENANT',
  relocation_soaking:
    'end the move first: freehold relocate complete TENANT --wait, or freehold relocate rollback TENANT --wait',
  placement_unchanged: 'name another profile or cell, with --to and --cell; nothing was changed',
  move_unsupported:
    'change what is named by a migration, as each line says, then give the command again; the tenant is where it was',
  move_blocked:
    'have the transactions that are named end; it is tried again by itself: freehold relocate status TENANT',
  move_stream_broken:
    'the copy is begun anew by itself: freehold relocate status TENANT; what stays broken is for who runs the platform',
  move_schema_changed: 'let migrations wait until the move is over, then: freehold retry TENANT --wait',
  move_rights_missing:
    'have the operator of Freehold give or take the right that is named, then: freehold retry TENANT --wait',
  move_waiting:
    'give the word, where it waits for approval: freehold relocate approve TENANT; a window opens by itself',
  move_window_over: 'begin anew with a later window: freehold relocate TENANT --to PROFILE --window FROM/UNTIL',
  move_over_budget:
    'end long transactions of the tenant, or give the command again with a larger --pause-budget-ms; writers were not harmed',
  move_differs: 'the tenant is where it was, and nothing is lost; this is for who runs the platform: its log says more',
  mover_missing:
    'have the operator of Freehold run its setup anew (deploy/setup.ts), then: freehold retry TENANT --wait',
  operation_superseded: 'see what came after it: freehold operations TENANT',
  operation_aborted: 'see what happened: freehold events TENANT',
  workflow_lost: 'roll it forward again: freehold retry TENANT --wait',
  step_refused: operator,
  spec_version_unknown: operator,
  configuration_invalid: operator,
  secret_unreadable: operator,
  archive_damaged:
    'put back the file that is named, from a backup of the storage of archives; then: freehold retry TENANT --wait',
  step_timed_out: 'have the operator of Freehold set a higher FREEHOLD_ARCHIVE_TIMEOUT_MS, then give the command again',
  archive_unsupported: 'change what is named, for it could not be restored; then: freehold archive TENANT',
  restore_differs: operator,
  substrate_unavailable: 'try again in a moment; `freehold operations` shows what is under way',
  registry_unavailable: again,
  not_ready: again,
  internal: "try again; if it stays, look for the request in the platform's log",
}

/** What a user can do about an error code of the API, for `tenant` where it is known. */
export function nextStep(code: string, tenant = 'TENANT'): string | undefined {
  if (/^http_[1-4]/.test(code)) return 'what answers there may not be the Freehold API: check FREEHOLD_URL'
  if (code.startsWith('http_5')) return again
  return Object.hasOwn(steps, code) ? steps[code]?.replaceAll('TENANT', tenant) : undefined
}
