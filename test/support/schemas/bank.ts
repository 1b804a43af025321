import { script } from '../awkward-schema.ts'
import { operations, pick, type LiveSchema } from './live-schema.ts'

/** What pgbench makes, whose history has no key, and the remedies for that. */
export const keylessBank = script(
  '1.0.0/001.sql',
  `${operations}
  create table pgbench_branches (bid int not null primary key, bbalance int, filler char(88)) with (fillfactor = 100);
  create table pgbench_tellers (tid int not null primary key, bid int, tbalance int, filler char(84)) with (fillfactor = 100);
  create table pgbench_accounts (aid int not null primary key, bid int, abalance int, filler char(84)) with (fillfactor = 100);
  create table pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
  alter table pgbench_tellers add foreign key (bid) references pgbench_branches;
  alter table pgbench_accounts add foreign key (bid) references pgbench_branches;
  alter table pgbench_history add foreign key (bid) references pgbench_branches, add foreign key (tid) references pgbench_tellers,
    add foreign key (aid) references pgbench_accounts;`,
)

export const remedies = {
  'replica identity full': script('1.0.1/001.sql', 'alter table pgbench_history replica identity full'),
  'a primary key': script(
    '1.0.1/001.sql',
    'alter table pgbench_history add column id bigint generated always as identity primary key',
  ),
}

const [branches, tellers, accounts] = [2, 20, 5_000]

/** pgbench with its transaction in the manner of TPC-B. */
export const bank = (remedy: keyof typeof remedies): LiveSchema => ({
  migrations: [keylessBank, remedies[remedy]],
  rows: `insert into pgbench_branches select n, 0, '' from generate_series(1, ${branches}) n;
    insert into pgbench_tellers select n, 1 + n % ${branches}, 0, '' from generate_series(1, ${tellers}) n;
    insert into pgbench_accounts select n, 1 + n % ${branches}, 0, '' from generate_series(1, ${accounts}) n`,
  async write(client, key) {
    const [aid, tid, bid] = [pick(key, accounts), pick(key, tellers, 1), pick(key, branches, 2)]
    const delta = pick(key, 10_000, 3) - 5_000
    await client.query('update pgbench_accounts set abalance = abalance + $1 where aid = $2', [delta, aid])
    await client.query('select abalance from pgbench_accounts where aid = $1', [aid])
    await client.query('update pgbench_tellers set tbalance = tbalance + $1 where tid = $2', [delta, tid])
    await client.query('update pgbench_branches set bbalance = bbalance + $1 where bid = $2', [delta, bid])
    await client.query(
      'insert into pgbench_history (tid, bid, aid, delta, mtime) values ($1, $2, $3, $4, current_timestamp)',
      [tid, bid, aid, delta],
    )
    // Without an identity this is what fails as soon as the table is published.
    if (pick(key, 4, 4) === 1)
      await client.query(`update pgbench_history set filler = 'seen' where aid = $1 and filler is null`, [aid])
  },
  wrong: `select (select count(*) from pgbench_history) - $1 as history,
    (select sum(abalance) from pgbench_accounts) - (select coalesce(sum(delta), 0) from pgbench_history) as accounts,
    (select sum(tbalance) from pgbench_tellers) - (select coalesce(sum(delta), 0) from pgbench_history) as tellers,
    (select sum(bbalance) from pgbench_branches) - (select coalesce(sum(delta), 0) from pgbench_history) as branches`,
})
