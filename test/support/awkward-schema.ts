import { createHash } from 'node:crypto'
import type { Migration } from '../../base/migration-source.ts'

/** A script of a migration set. */
export function script(file: string, sql: string): Migration {
  const checksum = createHash('sha256').update(sql).digest('hex')
  return { version: file.slice(0, file.indexOf('/')), file, sql, checksum }
}

/** Everything in a schema that a plain copy of rows would trip over. */
export const awkwardSet: readonly Migration[] = [
  script(
    '1.0.0/001-types.sql',
    `create type mood as enum ('sad', 'ok', 'glad');
     create domain email as text check (value ~ '@');
     create type address as (street text, number int);
     create sequence loose start 7 increment 3;
     create function shout(text) returns text language sql immutable return upper($1);
     create function valid_code(code text) returns boolean language plpgsql as
       $$ begin return code like 'c%' and exists (select from codes); end $$;
     create table codes (code text primary key);
     insert into codes values ('seeded')`,
  ),
  script(
    '1.0.0/002-tables.sql',
    `create table people (
       id bigint generated always as identity primary key,
       serial serial unique,
       name text not null,
       loud text generated always as (shout(name)) stored,
       soft text generated always as (lower(name)) virtual,
       mail email, feeling mood default 'ok', feelings mood[], home address,
       born date, seen timestamptz default now(), spent interval, price money, ratio float8, exact numeric,
       doc jsonb, raw bytea, list int[][], many tstzrange, flags bit(4), ip inet, gone int,
       boss bigint references people (id) deferrable initially deferred,
       code text check (valid_code(code)));
     alter table people drop column gone;
     create index people_by_name on people (lower(name)) where feeling <> 'sad';
     create table "Odd Näme ""x""" ("Ünï cödé" text, "select" int);
     create table nothing (id int primary key, note text);
     create table no_columns ();
     create table a (id int primary key, b int);
     create table b (id int primary key, a int references a (id));
     create table before_codes (code text check (valid_code(code)));
     alter table a add constraint a_b foreign key (b) references b (id);
     create table readings (at timestamptz not null, sensor int not null, value float8) partition by range (at);
     create table readings_old partition of readings for values from (minvalue) to ('2025-01-01');
     create table readings_new partition of readings for values from ('2025-01-01') to (maxvalue) partition by hash (sensor);
     create table readings_new_0 partition of readings_new for values with (modulus 2, remainder 0);
     create table readings_new_1 partition of readings_new for values with (modulus 2, remainder 1);
     create index readings_by_sensor on readings (sensor);
     create table stays (room int, during tsrange, exclude using gist (during with &&));
     create table parent (id int); create table child (extra text) inherits (parent);
     create table log (what text, at timestamptz default clock_timestamp());
     create function noted() returns trigger language plpgsql as
       $$ begin insert into log (what) values (tg_op || ' ' || tg_table_name); return new; end $$;
     create trigger note after insert on people for each row execute function noted();
     create trigger always after insert on nothing for each row execute function noted();
     alter table nothing enable always trigger always;
     create table mine (owner text, secret text);
     alter table mine enable row level security; alter table mine force row level security;
     create policy own on mine using (owner = current_setting('app.owner', true));
     create view glad as select * from people where feeling = 'glad';
     create materialized view counts as select count(*) as people from people;
     create materialized view empty_view as select 1 as one with no data;
     create unlogged table scratch (id int);
     insert into nothing values (1, 'seed that is deleted later');
     comment on table people is 'those who matter'`,
  ),
  script('1.1.0/001-more.sql', `alter table people add constraint late check (exact < 1000) not valid`),
]

/** Rows for it, put in as the owner. */
export const awkwardRows = (many: number) => `
  delete from codes; insert into codes values ('c');
  delete from nothing;
  insert into people (name, mail, feeling, feelings, home, born, spent, price, ratio, exact, doc, raw, list, many, flags, ip, code)
  select 'name ' || n, n || '@x.example', (array['sad','ok','glad']::mood[])[1 + n % 3], array['glad','sad']::mood[], row('street ' || n, n)::address,
    date '2000-01-01' + n, make_interval(hours => n), n::numeric::money, n / 3.0, n / 7.0, jsonb_build_object('n', n, 'null', null),
    sha256(n::text::bytea), array[[n, 1], [2, 3]], tstzrange(now(), null), n::bit(4), '10.0.0.1', 'c' || n
  from generate_series(1, ${many}) n;
  update people set boss = id + 1 where id < ${many};
  insert into people (name, doc, exact) values (E'tab\\t new\\nline \\\\ backslash \\\\. end \\r', '"\\u00e9"', null), ('', '{}', null),
    ('NULL', null, null), (E'\\\\N', null, null), ('\u{1F418} \u00df', null, null);
  insert into "Odd Näme ""x""" values (E'\\\\.', 1), (null, null), ('', 2);
  insert into no_columns default values; insert into no_columns default values;
  insert into before_codes values ('c');
  insert into b values (1, null); insert into a values (1, 1), (2, null); update b set a = 2;
  insert into readings select timestamptz '2024-12-31' + make_interval(hours => n), n % 5, 'NaN' from generate_series(1, 60) n;
  insert into stays values (1, '[2025-01-01, 2025-01-02)'), (2, '[2025-01-03, infinity)');
  insert into parent values (1); insert into child values (2, 'x');
  alter table mine no force row level security;
  insert into mine values ('somebody', 'hidden from whom a policy shows less');
  alter table mine force row level security;
  insert into scratch values (1);
  set constraints all immediate; alter table people drop constraint late;
  insert into people (name, exact) values ('older than the check', 2000);
  alter table people add constraint late check (exact < 1000) not valid;
  select nextval('loose'), nextval('loose');
  refresh materialized view counts`
