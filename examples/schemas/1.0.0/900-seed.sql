-- Something to look at in a new tenant's shop.
insert into customers (email, name) values
  ('ada@customer.example', 'Ada'),
  ('grace@customer.example', 'Grace');

insert into orders (customer_id, state, placed_at)
select id, 'placed', now() from customers where email = 'ada@customer.example';

insert into order_lines (order_id, line, product, quantity, unit_price)
select id, line, product, quantity, unit_price
from orders, (values (1, 'Teapot', 1, 24.50), (2, 'Cup', 4, 6.00)) as wanted (line, product, quantity, unit_price);
