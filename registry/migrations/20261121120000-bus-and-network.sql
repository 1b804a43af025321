create table "buses" (
  "name" text not null,
  "region" text not null,
  "state" text not null,
  "capacity" int not null,
  "used" int not null default 0,
  "declaration" jsonb not null,
  "endpoint" jsonb not null,
  "updated_at" timestamptz not null default now(),
  primary key ("name")
);
alter table "buses"
  add constraint "buses_used_not_negative" check (used >= 0);
alter table "buses"
  add constraint "buses_state_check" check ("state" in ('open', 'draining', 'closed'));
alter table "placements"
  add column "bus" text null,
  add column "segment" cidr null;
alter table "placements"
  add constraint "placements_bus_foreign" foreign key ("bus") references "buses" ("name");
alter table "placements"
  add constraint "placements_segment" exclude using gist ("segment" inet_ops with &&) where ("state" <> 'released');
alter table "resources"
  drop constraint "resources_kind_check";
alter table "resources"
  add constraint "resources_kind_check" check ("kind" in (
    'secrets', 'database', 'object-store', 'runtime', 'network', 'topic'
  ));

create table "deliveries" (
  "stream" text not null,
  "destination" text not null,
  "head" bigint not null default '0',
  "cursor" bigint not null default '0',
  "attempts" int not null default 0,
  "error" text null,
  "due_at" timestamptz not null default now(),
  "leased_by" uuid null,
  "leased_until" timestamptz null,
  primary key ("stream", "destination")
);
create index "deliveries_due" on "deliveries" ("due_at") where head > cursor;
alter table "deliveries"
  add constraint "deliveries_stream_foreign" foreign key ("stream") references "event_streams" ("id");
insert into "deliveries" ("stream", "destination", "head")
  select "id", 'governance', "seq" from "event_streams";
drop table "outbox";
