alter table orders
  add column shipped_at timestamptz,
  add column address jsonb;

create function ship_order(wanted bigint) returns void
language sql
begin atomic
  update orders set state = 'shipped', shipped_at = now() where id = wanted and state = 'placed';
end;
