-- A placement that a tenant has left, and may come back to until its move is complete, is `moved`.
alter table placements drop constraint placements_state_check;
alter table placements
  add constraint placements_state_check check (state in ('standby', 'active', 'suspended', 'moved', 'released'));

-- Whether the objects are in an area of the placement: those of the first placement are in one that the environment shares.
alter table placements add column own_store boolean not null default false;

-- Moves of an environment from one placement to another. The id is that of the operation that moves. `facts` is what its steps
-- tell each other and the report; `progress` is for people.
create table relocations (
  id uuid not null,
  tenant_id uuid not null,
  environment text not null,
  source int not null,
  target int not null,
  state text not null default 'moving',
  phase text not null default 'preflight',
  options jsonb not null,
  progress jsonb not null default '{}',
  facts jsonb not null default '{}',
  soak_until timestamptz null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (id),
  constraint relocations_state_check check (state in ('moving', 'soaking', 'completed', 'rolled-back', 'failed')),
  constraint relocations_id_foreign foreign key (id) references operations (id),
  constraint relocations_tenant_id_foreign foreign key (tenant_id) references tenants (id)
);
create index relocations_tenant on relocations (tenant_id, id);
-- One at a time for an environment.
create unique index relocations_open on relocations (tenant_id, environment) where state in ('moving', 'soaking');
