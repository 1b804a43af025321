import type { TenantClient } from '@freehold/sdk/database'

/** Bought together by one order. */
export const linesOfOrder = 2

/**
 * What a shop does when somebody buys: an order with its lines, what was sold, a payment, what happened, who did it.
 * @returns the id of the order
 */
export async function placeOrder(
  client: TenantClient,
  { reference, customer, product }: { reference: string; customer: number; product: number },
): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    'insert into orders (customer_id, reference) values ($1, $2) returning id',
    [customer, reference],
  )
  const id = rows[0]?.id ?? ''
  await client.query(
    `insert into order_lines (order_id, line, product_id, quantity, unit_price)
      select $1, line, $2, line, 9.95 from generate_series(1, $3::int) line`,
    [id, product, linesOfOrder],
  )
  await client.query('update products set sold = sold + 1 where id = $1', [product])
  await client.query(
    `insert into payments (order_id, amount) select order_id, sum(amount) from order_lines where order_id = $1 group by order_id`,
    [id],
  )
  await client.query(`insert into events (order_id, kind, doc) values ($1, 'placed', $2)`, [
    id,
    JSON.stringify({ reference, note: 'thank you '.repeat(30) }),
  ])
  await client.query(`insert into audit (who, what, order_id) values ('shop', 'order placed', $1)`, [id])
  await client.query(`update orders set state = 'paid' where id = $1`, [id])
  return id
}
