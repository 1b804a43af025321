/** A place in the work of a mover, told by a statement that it sends. */
export type Point = { readonly name: string; readonly text: RegExp; readonly most: number }

const point = (name: string, text: RegExp, most = 1): Point => ({ name, text, most })
const cut = [
  point('settle', /update tenancy\.placement set fence = /, 2),
  point('fence', /in share row exclusive mode/),
  point('close', /set state = 'moved'/),
  point('open', /set state = '(active|suspended)', epoch = /),
  point('mirror', /update tenancy\.placement set state = \$1, epoch = \$2/, 2),
]
const clean = [
  point('retire', /update tenancy\.placement set state = 'retired', fence = greatest/),
  point('drop-subscription', /^(alter|drop) subscription /, 6),
  point('drop-slot', /pg_drop_replication_slot/, 2),
  point('drop-publication', /^drop publication if exists/, 2),
  point('drop-schema', /^drop schema if exists fh_/, 2),
  point('revoke', /^revoke \S+ from \S+$/, 2),
]

/** Where a move can be hit; `most` is how many statements of the kind there are in one that goes well. */
export const pointsOf = {
  move: [
    point('grant', /^begin;\s*alter role \S+ password/, 2),
    point('publish', /create publication/, 2),
    point('slot', /^CREATE_REPLICATION_SLOT/, 2),
    point('stream', /^START_REPLICATION/, 2),
    point('copy', /^copy .* to stdout/, 4),
    point('copied', /^copy .* from stdin/, 4),
    point('subscribe', /create subscription/, 2),
    point('ready', /\.marker \(id\) values/),
    ...cut,
    point('marker', /\.marker \(id\) values/, 2),
    point('prove', /hash_record_extended/, 4),
  ],
  rollback: [...cut, point('marker', /\.marker \(id\) values/), ...clean, point('drop-database', /^drop database/i)],
  complete: [point('nologin', /^alter role \S+ nologin/), ...clean, point('drop', /^drop schema if exists t_/)],
  abort: [...cut, ...clean],
} as const satisfies Record<string, readonly Point[]>
export type Phase = keyof typeof pointsOf
