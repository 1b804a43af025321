import { Migration } from '@mikro-orm/migrations'

export class Migration20261121120000_bus_and_network extends Migration {
  override name = 'Migration20261121120000_bus_and_network'

  override up(): void {
    this.addSql(
      `create table "buses" ("name" text not null, "region" text not null, "state" text not null, "capacity" int not null, "used" int not null default 0, "declaration" jsonb not null, "endpoint" jsonb not null, "updated_at" timestamptz not null default now(), primary key ("name"));`,
    )
    this.addSql(`alter table "buses" add constraint "buses_used_not_negative" check (used >= 0);`)
    this.addSql(
      `alter table "buses" add constraint "buses_state_check" check ("state" in ('open', 'draining', 'closed'));`,
    )
    this.addSql(`alter table "placements" add column "bus" text null, add column "segment" cidr null;`)
    this.addSql(
      `alter table "placements" add constraint "placements_bus_foreign" foreign key ("bus") references "buses" ("name");`,
    )
    this.addSql(
      `alter table "placements" add constraint "placements_segment" exclude using gist ("segment" inet_ops with &&) where ("state" <> 'released');`,
    )
    this.addSql(`alter table "resources" drop constraint "resources_kind_check";`)
    this.addSql(
      `alter table "resources" add constraint "resources_kind_check" check ("kind" in ('secrets', 'database', 'object-store', 'runtime', 'network', 'topic'));`,
    )

    this.addSql(
      `create table "deliveries" ("stream" text not null, "destination" text not null, "head" bigint not null default '0', "cursor" bigint not null default '0', "attempts" int not null default 0, "error" text null, "due_at" timestamptz not null default now(), "leased_by" uuid null, "leased_until" timestamptz null, primary key ("stream", "destination"));`,
    )
    this.addSql(`create index "deliveries_due" on "deliveries" ("due_at") where head > cursor;`)
    this.addSql(
      `alter table "deliveries" add constraint "deliveries_stream_foreign" foreign key ("stream") references "event_streams" ("id");`,
    )
    this.addSql(
      `insert into "deliveries" ("stream", "destination", "head") select "id", 'governance', "seq" from "event_streams";`,
    )
    this.addSql(`drop table "outbox";`)
  }
}
