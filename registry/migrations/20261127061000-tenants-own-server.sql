-- Secrets of the platform, by name: sealed, written and never shown. `address` is what may be told of a connection URL: host and
-- port. A placement names the secret by which the tenant's own server is reached; while it lives, the secret stays.
create table platform_secrets (
  name text not null,
  version int not null default 1,
  sealed bytea not null,
  address jsonb null,
  updated_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (name)
);
alter table placements
  add column server_secret text null,
  add constraint placements_server_secret_foreign foreign key (server_secret) references platform_secrets (name) on delete set null;
create index placements_server_secret on placements (server_secret);

-- A tenant key may be wrapped by a master key of the tenant's own, which the platform key wraps and which stands before it in
-- `wrapped`: 80 bytes instead of 40. This is the id of that master key; null where the platform key wraps the tenant key itself.
alter table tenant_keys
  add column master uuid null;
