-- Reports that outlive what they are about, such as the certificate of a deletion. The document is canonical JSON, kept as text,
-- because its bytes are what is hashed in the trail and signed for whoever reads it. Insert-only.
create table reports (
  id uuid not null default uuidv7(),
  tenant_id uuid not null,
  operation_id uuid not null,
  kind text not null,
  document text not null,
  created_at timestamptz not null default now(),
  primary key (id),
  constraint reports_tenant_id_foreign foreign key (tenant_id) references tenants (id),
  constraint reports_operation_id_foreign foreign key (operation_id) references operations (id)
);
create unique index reports_operation on reports (operation_id, kind);
create index reports_tenant on reports (tenant_id, id);
create or replace function reports_reports_insert_only_fn() returns trigger
  as $$ begin raise exception 'reports are insert-only'; end; $$ language plpgsql;
create trigger reports_insert_only before update or delete on reports
  for each row execute function reports_reports_insert_only_fn();
