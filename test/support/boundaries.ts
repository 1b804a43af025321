/** Name of an environment in which no migration works, so that its tenant is undone once everything else was made. */
export const brokenEnvironment = 'broken'

const keys = (environment: string) =>
  ['1/database', '1/network', 'object-store', 'runtime', 'secrets', 'topic'].map((key) => `${environment}/${key}`)
const around = (activity: string) => [`before ${activity}`, `after ${activity}`]
const through = (step: string) => [`before ${step}`, `between ${step}`, `after ${step}`]
/**
 * All three of the first step, and of the others the one between: what is done before and after the work of a mapper is the same
 * whatever the mapper.
 */
const steps = ([first = '', ...others]: readonly string[]) => [
  ...through(first),
  ...others.map((step) => `between ${step}`),
]
const moves = (verb: 'freeze' | 'thaw', of: readonly string[]) => steps(of.map((key) => `${verb} ${key}/${verb}`))
const ensures = (environment: string) => steps(keys(environment).map((key) => `ensure ${key}`))
const removals = (environment: string) => steps(keys(environment).map((key) => `remove ${key}`))

/**
 * Where a worker can die in each kind of operation: before and after each of its activities, and, for a step, between what
 * it did in the world and what it records of it.
 */
export const boundaries = {
  provision: [
    ...around('begin'),
    ...ensures('prod'),
    ...through('migrate prod/1/database/schema'),
    ...around('settle'),
  ],
  undo: [...around('beginUndo'), ...removals(brokenEnvironment), ...around('settle')],
  'rotate-credentials': [
    ...around('begin'),
    ...steps(['prod/1/database', 'prod/topic'].map((key) => `rotate ${key}`)),
    ...around('settle'),
  ],
  suspend: [...around('begin'), ...moves('freeze', keys('prod')), ...around('settle')],
  resume: [...around('begin'), ...moves('thaw', keys('prod')), ...around('settle')],
  // The same steps as those of suspend and resume, so what begins and ends them is what is of their own.
  delete: [...around('begin'), ...moves('freeze', ['prod/1/database', 'prod/topic']), ...around('settle')],
  undelete: [...around('begin'), ...moves('thaw', ['prod/1/database', 'prod/topic']), ...around('settle')],
  // One that adds the environment "new", removes "old" and changes the database of prod. What it makes and removes is made and
  // removed as by provision and purge, so two kinds of resources stand for all.
  update: [
    ...around('begin'),
    ...steps(['new/1/database', 'new/topic', 'prod/1/database'].map((key) => `ensure ${key}`)),
    ...through('migrate new/1/database/schema'),
    ...around('putInForce'),
    ...moves('freeze', ['old/1/database', 'old/topic']),
    ...steps(['old/1/database', 'old/topic'].map((key) => `remove ${key}`)),
    ...around('settle'),
  ],
  archive: [
    ...around('begin'),
    ...moves('freeze', ['prod/1/database', 'prod/topic']),
    ...through('ensure prod/1/archive'),
    ...steps(['1/database', 'object-store', 'secrets'].map((key) => `export prod/${key}/export`)),
    ...around('verify prod/1/archive/verify'),
    ...around('putInForce'),
    // Removed as by a purge, so two kinds of resources stand for all.
    ...steps(['prod/1/database', 'prod/topic'].map((key) => `remove ${key}`)),
    ...around('settle'),
  ],
  // One whose schema is not what its migration set makes.
  'archive-undone': [
    ...around('beginUndo'),
    ...moves('thaw', ['prod/1/database', 'prod/topic']),
    ...through('remove prod/1/archive'),
    ...around('settle'),
  ],
  restore: [
    ...around('begin'),
    ...steps(['secrets', '2/database', 'object-store', 'topic'].map((key) => `ensure prod/${key}`)),
    ...['import', 'compare'].flatMap((verb) =>
      steps(['secrets', '2/database', 'object-store'].map((key) => `${verb} prod/${key}/${verb}`)),
    ),
    ...moves('thaw', ['prod/2/database', 'prod/topic']),
    ...around('settle'),
  ],
  purge: [...around('begin'), ...removals('prod'), ...around('settle')],
} as const
