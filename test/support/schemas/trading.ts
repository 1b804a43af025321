import { script } from '../awkward-schema.ts'
import { operations, pick, type LiveSchema } from './live-schema.ts'

const tables = script(
  '1.0.0/001.sql',
  `${operations}
  create table categories (category_id smallint primary key, category_name varchar(15) not null, picture bytea);
  create table suppliers (supplier_id smallint primary key, company_name varchar(40) not null, homepage text);
  create table shippers (shipper_id smallint primary key, company_name varchar(40) not null);
  create table customers (customer_id char(5) primary key, company_name varchar(40) not null, country varchar(15));
  create table customer_demographics (customer_type_id char(10) primary key, customer_desc text);
  create table customer_customer_demo (customer_id char(5) not null references customers on update cascade, customer_type_id char(10) not null references customer_demographics,
    primary key (customer_id, customer_type_id));
  create table region (region_id smallint primary key, region_description char(60) not null);
  create table territories (territory_id varchar(20) primary key, territory_description char(60) not null, region_id smallint not null references region);
  create table employees (employee_id smallint primary key, last_name varchar(20) not null, reports_to smallint references employees,
    photo bytea, salary money);
  create table employee_territories (employee_id smallint not null references employees, territory_id varchar(20) not null references territories,
    primary key (employee_id, territory_id));
  create table products (product_id smallint primary key, product_name varchar(40) not null, supplier_id smallint references suppliers,
    category_id smallint references categories, unit_price real, units_in_stock int check (units_in_stock >= 0), sold bigint not null default 0,
    discontinued bit(1) not null default '0', unique (product_name, supplier_id));
  create sequence order_numbers start 10248 increment 1 cache 1;
  create table orders (order_id bigint primary key default nextval('order_numbers'), customer_id char(5) references customers on update cascade,
    employee_id smallint references employees, order_date date, ship_via smallint references shippers, freight real, note xml);
  create table order_details (order_id bigint not null references orders on delete cascade, product_id smallint not null references products,
    unit_price real not null, quantity smallint not null check (quantity > 0), discount real not null check (discount between 0 and 1),
    primary key (order_id, product_id));
  create table price_history (product_id smallint not null references products, valid daterange not null, price numeric(10, 4) not null,
    version int not null default 1, primary key (product_id, version), check (not isempty(valid)));
  create table bill_of_materials (whole smallint references products, part smallint references products, many numeric(8, 3) not null,
    primary key (whole, part), check (whole <> part));
  create table shipments (order_id bigint, product_id smallint, number int, shipped timestamp, primary key (order_id, product_id, number),
    foreign key (order_id, product_id) references order_details match full on delete cascade);
  create index on orders (customer_id); create index on orders (order_date desc nulls last); create index on order_details (product_id);
  create index on products using hash (product_name);
  create function subtotal(order_details) returns numeric language sql stable
    as $$ select round(($1.unit_price * $1.quantity * (1 - $1.discount))::numeric, 2) $$;
  create view order_subtotals as select order_id, sum(d.subtotal) as subtotal from order_details d group by order_id;
  create view open_orders as select * from orders where ship_via is null with check option;
  create recursive view hierarchy (employee_id, depth) as
    select employee_id, 0 from employees where reports_to is null
    union all select e.employee_id, h.depth + 1 from employees e join hierarchy h on e.reports_to = h.employee_id;
  create procedure place(customer text, products int[], employee int) language plpgsql as $$
    declare made bigint; begin
      insert into open_orders (customer_id, employee_id, order_date, freight, note)
        select customer_id, employee, current_date, 32.38, '<note>by hand</note>' from customers where company_name = customer for key share returning order_id into made;
      insert into order_details select made, id, 14.5, 2, 0.05 from unnest(products) id;
      perform from products where product_id = any (place.products) order by product_id for no key update;
      update products p set units_in_stock = units_in_stock - 2, sold = sold + 2 where product_id = any (place.products);
    end $$`,
)

const [products, customers, employees] = [77, 90, 9]
const code = (n: string) => `upper(substr(md5(${n}::text), 1, 2) || lpad(${n}::text, 3, '0'))`

/** A trader of goods, in the manner of the sample database Northwind: composite keys, trees, and keys that change. */
export const trading: LiveSchema = {
  migrations: [tables],
  rows: `insert into categories select n, 'category ' || n, sha256(n::text::bytea) from generate_series(1, 8) n;
    insert into suppliers select n, 'supplier ' || n, repeat('home ', 700) from generate_series(1, 29) n;
    insert into shippers select n, 'shipper ' || n from generate_series(1, 6) n;
    insert into customers select ${code('n')}, 'customer ' || n, 'Norway' from generate_series(1, ${customers}) n;
    insert into customer_demographics values ('old', 'since ever'), ('new', null);
    insert into customer_customer_demo select customer_id, 'old' from customers;
    insert into region values (1, 'Eastern'), (2, 'Western');
    insert into territories select 't' || n, 'territory', 1 + n % 2 from generate_series(1, 53) n;
    insert into employees select n, 'employee ' || n, case when n > 1 then n / 2 end, null, (n * 1000)::money from generate_series(1, ${employees}) n;
    insert into employee_territories select 1 + n % ${employees}, 't' || n from generate_series(1, 53) n;
    insert into products select n, 'product ' || n, 1 + n % 29, 1 + n % 8, n * 1.1, 1000000, 0, '0' from generate_series(1, ${products}) n;
    insert into price_history select n, daterange('2020-01-01', null), n from generate_series(1, ${products}) n;
    insert into bill_of_materials select n, n + 1, 0.5 from generate_series(1, ${products - 1}) n`,
  async write(client, key) {
    // The key itself changes, and takes what refers to it along.
    if (pick(key, 3, 5) === 1)
      await client.query(
        `update customers set customer_id = reverse(customer_id) where company_name = $1 and not exists (
          select from customers c where c.customer_id = reverse(customers.customer_id)::char(5))`,
        [`customer ${pick(key, customers)}`],
      )
    const some = [1, 2, 3].map((salt) => salt * 20 + pick(key, 16, salt)).toSorted((a, b) => a - b)
    await client.query('call place($1, $2, $3)', [`customer ${pick(key, customers)}`, some, pick(key, employees, 4)])
    await client.query(
      `insert into shipments select order_id, product_id, 1, localtimestamp from order_details where order_id = currval('order_numbers')`,
    )
    await client.query(`update open_orders set freight = freight + 1 where order_id = currval('order_numbers')`)
    if (pick(key, 3, 7) === 1)
      await client.query(
        `update price_history set version = version + 1, price = price * 1.01, valid = daterange(lower(valid), current_date, '[]') where product_id = $1`,
        [pick(key, products, 8)],
      )
    if (pick(key, 6, 9) === 1)
      await client.query('delete from bill_of_materials where whole = $1', [pick(key, products, 10)])
  },
  wrong: `select (select count(*) from orders) - $1 as orders, (select count(*) from order_details) - 3 * $1 as details,
    (select count(*) from shipments) - 3 * $1 as shipments, (select sum(sold) from products) - 6 * $1 as sold,
    (select sum(1000000 - units_in_stock) from products) - 6 * $1 as stock,
    (select coalesce(sum(subtotal), 0) from order_subtotals) - 3 * 27.55 * $1 as subtotals,
    (select count(*) from hierarchy) - ${employees} as hierarchy`,
}
