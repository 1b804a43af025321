create view order_totals as
select order_id, sum(quantity * unit_price) as total, count(*) as lines
from order_lines
group by order_id;
