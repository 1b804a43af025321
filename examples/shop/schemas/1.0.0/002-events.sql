-- What happened, as it was told; documents of some kilobytes, which PostgreSQL keeps beside the table.
create table events (
  id bigint generated always as identity primary key,
  order_id bigint references orders,
  kind text not null,
  doc jsonb not null
);
create index events_by_order on events (order_id);

create table audit (
  id bigint generated always as identity,
  at timestamptz not null default now(),
  who text not null,
  what text not null,
  order_id bigint,
  primary key (id, at)
) partition by range (at);
create table audit_past partition of audit for values from (minvalue) to ('2026-01-01');
create table audit_2026 partition of audit for values from ('2026-01-01') to ('2027-01-01');
create table audit_2027 partition of audit for values from ('2027-01-01') to ('2028-01-01');
create table audit_later partition of audit default;
create index audit_by_order on audit (order_id);

create materialized view best_sellers as
select product_id, sum(quantity) as quantity, sum(amount) as amount from order_lines group by product_id;
create unique index best_sellers_by_product on best_sellers (product_id);
