import type { TenantDatabase } from '@freehold/sdk/database'

const products = 500
const ofEachMegabyte = { customers: 60, orders: 500, events: 110, audit: 700 }

/**
 * Fills a shop with about so many megabytes, half of it documents. The database makes the rows itself, so it takes seconds.
 * @returns bytes of all its tables, indexes included
 */
export async function fillShop(database: TenantDatabase, megabytes: number): Promise<number> {
  const many = (name: keyof typeof ofEachMegabyte) => Math.ceil(ofEachMegabyte[name] * megabytes)
  const [customers, orders] = [many('customers'), many('orders')]
  const statements: [text: string, ...values: number[]][] = [
    [
      `insert into products (id, name, price) select n, 'product ' || n, 1 + n % 97 + 0.95 from generate_series(1, $1::int) n`,
      products,
    ],
    [
      `insert into customers (email, name) select 'c' || n || '@customer.example', 'customer ' || n from generate_series(1, $1::int) n`,
      customers,
    ],
    [
      `insert into orders (customer_id, state, placed_at)
        select 1 + n % $2::int, (enum_range(null::order_state))[1 + n % 4], now() - n * interval '10 minutes' from generate_series(1, $1::int) n`,
      orders,
      customers,
    ],
    [
      `insert into order_lines (order_id, line, product_id, quantity, unit_price)
        select o.id, line, 1 + (o.id * 7 + line) % $1::int, 1 + o.id % 4, 9.95 + line from orders o, generate_series(1, 2) line`,
      products,
    ],
    [`insert into payments (order_id, amount) select order_id, sum(amount) from order_lines group by order_id`],
    [
      `insert into events (order_id, kind, doc)
        select 1 + n % $2::int, 'imported', jsonb_build_object('number', n, 'body',
          (select string_agg(md5(n || '/' || i), '') from generate_series(1, 130) i)) from generate_series(1, $1::int) n`,
      many('events'),
      orders,
    ],
    [
      `insert into audit (at, who, what) select now() - n * interval '7 minutes', 'importer', 'line ' || n || ' of the import'
        from generate_series(1, $1::int) n`,
      many('audit'),
    ],
  ]
  for (const [text, ...values] of statements) await database.transaction((client) => client.query(text, values).then())
  return sizeOfShop(database)
}

/** Bytes of all tables of a shop, indexes included. */
export async function sizeOfShop(database: TenantDatabase): Promise<number> {
  return database.transaction(async (client) => {
    const { rows } = await client.query<{ bytes: string }>(
      `select sum(pg_total_relation_size(oid)) as bytes from pg_class
        where relnamespace = current_schema()::regnamespace and relkind in ('r', 'm')`,
    )
    return Number(rows[0]?.bytes)
  })
}
