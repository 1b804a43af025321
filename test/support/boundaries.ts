/** Name of an environment in which no migration works, so that its tenant is undone once everything else was made. */
export const brokenEnvironment = 'broken'

const keys = (environment: string) =>
  ['1/database', '1/network', 'object-store', 'runtime', 'secrets', 'topic'].map((key) => `${environment}/${key}`)
const around = (activity: string) => [`before ${activity}`, `after ${activity}`]
const through = (step: string) => [`before ${step}`, `between ${step}`, `after ${step}`]
const moves = (verb: 'freeze' | 'thaw', of: readonly string[]) => of.flatMap((key) => through(`${verb} ${key}/${verb}`))
const ensures = (environment: string) => keys(environment).flatMap((key) => through(`ensure ${key}`))
const removals = (environment: string) => keys(environment).flatMap((key) => through(`remove ${key}`))

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
    ...['prod/1/database', 'prod/topic'].flatMap((key) => through(`rotate ${key}`)),
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
    ...['new/1/database', 'new/topic', 'prod/1/database'].flatMap((key) => through(`ensure ${key}`)),
    ...through('migrate new/1/database/schema'),
    ...around('putInForce'),
    ...moves('freeze', ['old/1/database', 'old/topic']),
    ...['old/1/database', 'old/topic'].flatMap((key) => through(`remove ${key}`)),
    ...around('settle'),
  ],
  archive: [
    ...around('begin'),
    ...moves('freeze', ['prod/1/database', 'prod/topic']),
    ...through('ensure prod/1/archive'),
    ...['1/database', 'object-store', 'secrets'].flatMap((key) => through(`export prod/${key}/export`)),
    ...around('verify prod/1/archive/verify'),
    ...around('putInForce'),
    // Removed as by a purge, so two kinds of resources stand for all.
    ...['prod/1/database', 'prod/topic'].flatMap((key) => through(`remove ${key}`)),
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
    ...['secrets', '2/database', 'object-store', 'topic'].flatMap((key) => through(`ensure prod/${key}`)),
    ...['import', 'compare'].flatMap((verb) =>
      ['secrets', '2/database', 'object-store'].flatMap((key) => through(`${verb} prod/${key}/${verb}`)),
    ),
    ...moves('thaw', ['prod/2/database', 'prod/topic']),
    ...around('settle'),
  ],
  purge: [...around('begin'), ...removals('prod'), ...around('settle')],
} as const
