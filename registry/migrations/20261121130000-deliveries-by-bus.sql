alter table "deliveries"
  add column "bus" text null;
alter table "deliveries"
  add constraint "deliveries_bus_foreign" foreign key ("bus") references "buses" ("name");
update "deliveries" as d
  set "bus" = p."bus"
  from "placements" as p
  where d."destination" = 'topic/' || p."environment" || '/' || p."number"
    and d."stream" = p."tenant_id"::text;
drop index "deliveries_due";
create index "deliveries_due" on "deliveries" ("bus", "due_at") where head > cursor;
