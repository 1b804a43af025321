import { Migration } from '@mikro-orm/migrations'

export class Migration20261121130000_deliveries_by_bus extends Migration {
  override name = 'Migration20261121130000_deliveries_by_bus'

  override up(): void {
    this.addSql(`alter table "deliveries" add column "bus" text null;`)
    this.addSql(
      `alter table "deliveries" add constraint "deliveries_bus_foreign" foreign key ("bus") references "buses" ("name");`,
    )
    this.addSql(
      `update "deliveries" as d set "bus" = p."bus" from "placements" as p where d."destination" = 'topic/' || p."environment" || '/' || p."number" and d."stream" = p."tenant_id"::text;`,
    )
    this.addSql(`drop index "deliveries_due";`)
    this.addSql(`create index "deliveries_due" on "deliveries" ("bus", "due_at") where head > cursor;`)
  }
}
