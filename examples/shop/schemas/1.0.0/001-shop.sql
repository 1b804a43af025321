create type order_state as enum ('placed', 'paid', 'shipped', 'cancelled');

create table customers (
  id bigint generated always as identity primary key,
  email text not null unique,
  name text not null,
  created_at timestamptz not null default now()
);

create table products (
  id integer primary key,
  name text not null,
  price numeric(12, 2) not null check (price >= 0),
  sold bigint not null default 0
);

-- The reference is that of the shop's client. It is not unique here, so that an order that was entered twice would be seen.
create table orders (
  id bigint generated always as identity primary key,
  customer_id bigint not null references customers,
  state order_state not null default 'placed',
  reference text,
  placed_at timestamptz not null default now()
);
create index orders_by_customer on orders (customer_id);
create index orders_by_reference on orders (reference) where reference is not null;

create table order_lines (
  order_id bigint not null references orders on delete cascade,
  line smallint not null,
  product_id integer not null references products,
  quantity integer not null check (quantity > 0),
  unit_price numeric(12, 2) not null,
  amount numeric(14, 2) generated always as (quantity * unit_price) stored,
  primary key (order_id, line)
);
create index order_lines_by_product on order_lines (product_id);

create table payments (
  id uuid primary key default gen_random_uuid(),
  order_id bigint not null references orders,
  amount numeric(14, 2) not null,
  paid_at timestamptz not null default now()
);
create index payments_by_order on payments (order_id);
