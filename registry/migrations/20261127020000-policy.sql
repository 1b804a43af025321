-- The policy: every version of its rules, insert-only; the newest is in force. Each operation keeps the version that judged
-- it (0: there were no rules), and what the governance endpoint said of it.
create table policies (
  version int not null,
  rules jsonb not null,
  actor text not null,
  reason text null,
  created_at timestamptz not null default now(),
  primary key (version)
);
create or replace function policies_policies_insert_only_fn() returns trigger
  as $$ begin raise exception 'policies are insert-only'; end; $$ language plpgsql;
create trigger policies_insert_only before update or delete on policies
  for each row execute function policies_policies_insert_only_fn();

alter table operations
  add column policy_version int not null default 0,
  add column verdict jsonb null;
