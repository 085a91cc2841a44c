-- A function that becomes a tool. Its comment tells the model what it does. Its arguments are the
-- parameters of the tool.
create or replace function shop.order_status(order_no text)
  returns table (order_no text, product text, service text, shipped_on date)
  language sql stable
begin atomic
  select o.order_no, o.product, o.service, o.shipped_on
  from shop.orders as o
  where upper(o.order_no) = upper(order_status.order_no);
end;
comment on function shop.order_status(text) is
  'Where an order is, by its number such as A-1001: product, service, and the day it was shipped.';

-- Agents act with the rights of the role howdah_app. Grant what your functions need, and no more.
grant usage on schema shop to howdah_app;
grant select on shop.orders to howdah_app;
select howdah.register_sql_tool('shop.order_status(text)');
