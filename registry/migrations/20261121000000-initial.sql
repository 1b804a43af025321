create extension if not exists ltree;

create table "api_keys" (
  "id" uuid not null default uuidv7(),
  "name" text not null,
  "role" text not null,
  "hash" text not null,
  "created_at" timestamptz not null default now(),
  "revoked_at" timestamptz null,
  primary key ("id")
);
alter table "api_keys"
  add constraint "api_keys_name" unique ("name");
alter table "api_keys"
  add constraint "api_keys_hash" unique ("hash");
alter table "api_keys"
  add constraint "api_keys_role_check" check ("role" in (
    'platform-admin', 'platform-operator', 'platform-auditor'
  ));

create table "cells" (
  "name" text not null,
  "region" text not null,
  "state" text not null,
  "capacity" int not null,
  "used" int not null default 0,
  "declaration" jsonb not null,
  "database" jsonb not null,
  "updated_at" timestamptz not null default now(),
  primary key ("name")
);
alter table "cells"
  add constraint "cells_used_not_negative" check (used >= 0);
alter table "cells"
  add constraint "cells_state_check" check ("state" in ('open', 'draining', 'closed'));

create table "event_streams" (
  "id" text not null,
  "seq" bigint not null default '0',
  "head" text not null,
  primary key ("id")
);

create table "events" (
  "stream" text not null,
  "seq" bigint not null,
  "id" uuid not null,
  "type" text not null,
  "time" timestamptz not null default now(),
  "operation_id" uuid null,
  "body" text not null,
  "previous_hash" text not null,
  "hash" text not null,
  primary key ("stream", "seq")
);
alter table "events"
  add constraint "events_id" unique ("id");
create or replace function "events_events_insert_only_fn"() returns trigger
  as $$ begin raise exception 'events are insert-only'; end; $$ language plpgsql;
create trigger "events_insert_only" BEFORE UPDATE OR DELETE on "events"
  for each ROW execute function "events_events_insert_only_fn"();

create table "idempotency_records" (
  "api_key_id" uuid not null,
  "key" text not null,
  "request_hash" text not null,
  "status" int not null,
  "headers" jsonb not null,
  "body" jsonb not null,
  "created_at" timestamptz not null default now(),
  primary key ("api_key_id", "key")
);
create index "idempotency_records_age" on "idempotency_records" ("created_at");

create table "outbox" (
  "stream" text not null,
  "destination" text not null,
  "seq" bigint not null,
  "created_at" timestamptz not null default now(),
  primary key ("stream", "destination", "seq")
);

create table "tenants" (
  "id" uuid not null default uuidv7(),
  "code" text not null,
  "slug" text not null,
  "name" text not null,
  "labels" jsonb not null default '{}',
  "data_key" ltree not null,
  "profile" text not null,
  "plan" text not null,
  "region" text not null,
  "state" text not null default 'provisioning',
  "conditions" jsonb not null default '[]',
  "generation" int not null default 1,
  "observed_generation" int not null default 0,
  "created_at" timestamptz not null default now(),
  "updated_at" timestamptz not null default now(),
  primary key ("id")
);
alter table "tenants"
  add constraint "tenants_code" unique ("code");
create index "tenants_labels" on "tenants" using gin ("labels");
create unique index "tenants_living_slug" on "tenants" ("slug") where state <> 'purged';
alter table "tenants"
  add constraint "tenants_state_check" check ("state" in (
    'provisioning', 'active', 'suspending', 'suspended', 'resuming', 'archiving', 'archived',
    'restoring', 'deleting', 'soft-deleted', 'purging', 'purged', 'failed'
  ));

create table "placements" (
  "tenant_id" uuid not null,
  "environment" text not null,
  "number" int not null,
  "profile" text not null,
  "cell" text not null,
  "state" text not null default 'pending',
  "epoch" bigint not null default '1',
  "updated_at" timestamptz not null default now(),
  primary key ("tenant_id", "environment", "number")
);
create index "placements_cell" on "placements" ("cell");
alter table "placements"
  add constraint "placements_state_check" check ("state" in ('pending', 'active', 'suspended', 'released'));

create table "operations" (
  "id" uuid not null default uuidv7(),
  "tenant_id" uuid not null,
  "kind" text not null,
  "generation" int not null,
  "parameters" jsonb not null default '{}',
  "attempt" int not null default 1,
  "state" text not null default 'accepted',
  "intent" text not null default 'forward',
  "phase" text not null default 'accepted',
  "steps" jsonb not null default '[]',
  "revision" int not null default 1,
  "actor" text not null,
  "reason" text null,
  "correlation_id" text not null,
  "error" jsonb null,
  "result" jsonb null,
  "created_at" timestamptz not null default now(),
  "started_at" timestamptz null,
  "finished_at" timestamptz null,
  "updated_at" timestamptz not null default now(),
  primary key ("id")
);
create index "operations_tenant" on "operations" ("tenant_id", "id");
create index "operations_open" on "operations" ("updated_at")
  where state in ('accepted', 'running', 'interrupted');
create unique index "operations_one_open_per_tenant" on "operations" ("tenant_id")
  where state in ('accepted', 'running', 'interrupted');
alter table "operations"
  add constraint "operations_kind_check" check ("kind" in ('provision', 'rotate-credentials', 'purge'));
alter table "operations"
  add constraint "operations_state_check" check ("state" in (
    'accepted', 'running', 'interrupted', 'succeeded', 'failed', 'aborted'
  ));
alter table "operations"
  add constraint "operations_intent_check" check ("intent" in ('forward', 'compensate'));

create table "resources" (
  "tenant_id" uuid not null,
  "placement" int not null,
  "key" text not null,
  "kind" text not null,
  "environment" text not null,
  "cell" text not null,
  "name" text not null,
  "spec" jsonb not null,
  "state" text not null default 'planned',
  "facts" jsonb not null default '{}',
  "created_by" uuid not null,
  "created_at" timestamptz not null default now(),
  "updated_at" timestamptz not null default now(),
  primary key ("tenant_id", "placement", "key")
);
alter table "resources"
  add constraint "resources_kind_check" check ("kind" in ('secrets', 'database', 'object-store'));
alter table "resources"
  add constraint "resources_state_check" check ("state" in ('planned', 'present'));

create table "generations" (
  "tenant_id" uuid not null,
  "number" int not null,
  "resolved" jsonb not null,
  "raw" bytea not null,
  "contacts" bytea not null,
  "created_at" timestamptz not null default now(),
  primary key ("tenant_id", "number")
);

create table "tenant_keys" (
  "tenant_id" uuid not null,
  "wrapped" bytea not null,
  "created_at" timestamptz not null default now(),
  primary key ("tenant_id")
);

create table "secrets" (
  "tenant_id" uuid not null,
  "name" text not null,
  "version" int not null default 1,
  "sealed" bytea not null,
  "updated_at" timestamptz not null default now(),
  primary key ("tenant_id", "name")
);

alter table "events"
  add constraint "events_stream_foreign" foreign key ("stream") references "event_streams" ("id");

alter table "idempotency_records"
  add constraint "idempotency_records_api_key_id_foreign"
    foreign key ("api_key_id") references "api_keys" ("id");

alter table "placements"
  add constraint "placements_tenant_id_foreign" foreign key ("tenant_id") references "tenants" ("id");
alter table "placements"
  add constraint "placements_cell_foreign" foreign key ("cell") references "cells" ("name");

alter table "operations"
  add constraint "operations_tenant_id_foreign" foreign key ("tenant_id") references "tenants" ("id");

alter table "resources"
  add constraint "resources_tenant_id_foreign" foreign key ("tenant_id") references "tenants" ("id");
alter table "resources"
  add constraint "resources_created_by_foreign" foreign key ("created_by") references "operations" ("id");

alter table "generations"
  add constraint "generations_tenant_id_foreign" foreign key ("tenant_id") references "tenants" ("id");

alter table "tenant_keys"
  add constraint "tenant_keys_tenant_id_foreign"
    foreign key ("tenant_id") references "tenants" ("id") on update cascade on delete cascade;

alter table "secrets"
  add constraint "secrets_tenant_id_foreign" foreign key ("tenant_id") references "tenant_keys" ("tenant_id");
