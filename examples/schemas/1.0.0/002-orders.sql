create type order_state as enum ('draft', 'placed', 'shipped', 'cancelled');

create table orders (
  id bigint generated always as identity primary key,
  customer_id bigint not null references customers (id),
  state order_state not null default 'draft',
  placed_at timestamptz,
  created_at timestamptz not null default now(),
  check (state = 'draft' or placed_at is not null)
);

create index orders_by_customer on orders (customer_id, created_at desc);

create table order_lines (
  order_id bigint not null references orders (id) on delete cascade,
  line integer not null check (line > 0),
  product text not null,
  quantity integer not null check (quantity > 0),
  unit_price numeric(12, 2) not null check (unit_price >= 0),
  primary key (order_id, line)
);
