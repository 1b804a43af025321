const steps: Readonly<Record<string, string>> = {
  malformed_body: 'correct the file and apply it again; nothing was changed',
  manifest_invalid: 'correct the file and apply it again; nothing was changed',
  not_available: 'leave it out or set it as before; nothing was changed',
  unauthenticated: 'check FREEHOLD_API_KEY, or FREEHOLD_API_KEY_FILE, or .freehold/admin.key',
  forbidden: 'use a key with the role platform-operator or platform-admin',
  tenant_not_found: 'see which there are: freehold list',
  operation_not_found: 'see which there are: freehold operations',
  environment_not_found: 'see which there are: freehold describe TENANT',
  slug_taken: 'choose another metadata.slug, or see whose it is: freehold get TENANT',
  operation_in_progress: 'wait for the running one: freehold watch TENANT',
  operation_not_open: 'see how it ended: freehold operations TENANT',
  transition_not_allowed: 'see what is allowed now: freehold describe TENANT',
  idempotency_in_progress: 'the same call is still under way; try again in a moment',
  generation_mismatch: 'someone else changed the tenant; look at it (freehold get TENANT) and try again',
  cell_exhausted: 'open a cell with room, then try again',
  not_ready: 'the platform is starting; try again in a moment',
  substrate_unavailable: 'try again in a moment; `freehold operations` shows what is under way',
  internal: "try again; if it stays, look for the request in the platform's log",
}

/** What a user can do about an error code of the API; undefined when the error's own text is all there is to say. */
export function nextStep(code: string): string | undefined {
  return Object.hasOwn(steps, code) ? steps[code] : undefined
}
