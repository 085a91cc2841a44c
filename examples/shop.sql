-- A small shop, about which `howdah demo` asks its agents. The tables and functions are plain SQL.
-- The statements at the end register the functions as tools, and create agents that have them.
create schema if not exists shop;
comment on schema shop is 'Howdah demo';

create table if not exists shop.orders (
  order_no text primary key,
  customer text not null,
  product text not null,
  total numeric not null,
  status text not null,
  carrier text,
  tracking_no text,
  expected_on date
);
create table if not exists shop.stock (
  product text primary key,
  in_stock int not null,
  back_on date
);
create table if not exists shop.tickets (
  id int primary key generated always as identity,
  customer text not null,
  body text not null,
  reply text,
  created_at timestamptz not null default now()
);

create table if not exists shop.invoices (
  invoice_no int primary key,
  customer text not null,
  issued_on date not null,
  amount numeric not null
);

insert into shop.orders values
  ('A-1001', 'Mara Lindqvist', 'Trail backpack 32 l', 129.00, 'shipped', 'DHL', 'JD0146000083', current_date + 1),
  ('A-1002', 'Jonas Weber', 'Enamel mug, set of 4', 38.50, 'delivered', 'UPS', '1Z999AA10123', current_date - 3),
  ('A-1003', 'Priya Nair', 'Down jacket, size M', 249.00, 'packed', null, null, current_date + 4),
  ('A-1004', 'Mara Lindqvist', 'Gas stove', 64.90, 'cancelled', null, null, null),
  ('A-1005', 'Tomás Oliveira', 'Headlamp 400 lm', 45.00, 'shipped', 'DPD', '05308171', current_date + 2),
  ('A-1006', 'Hanna Schulz', 'Wool socks, 3 pairs', 27.00, 'returned', 'DHL', 'JD0146000412', null)
on conflict do nothing;
insert into shop.stock values
  ('Trail backpack 32 l', 14, null),
  ('Down jacket', 0, current_date + 12),
  ('Headlamp 400 lm', 3, null),
  ('Gas stove', 0, null)
on conflict do nothing;

-- Invoices of the last calendar year, for questions such as "Umsatz Q1".
insert into shop.invoices
select i.no, i.customer, date_trunc('year', current_date)::date - i.days, i.amount
from (values
  (1, 'Mara Lindqvist', 340, 129.00), (2, 'Jonas Weber', 318, 38.50), (3, 'Priya Nair', 290, 249.00),
  (4, 'Tomás Oliveira', 250, 45.00), (5, 'Hanna Schulz', 200, 27.00), (6, 'Mara Lindqvist', 150, 64.90),
  (7, 'Jonas Weber', 80, 199.00), (8, 'Priya Nair', 20, 312.40)
) as i (no, customer, days, amount)
on conflict do nothing;

create or replace function shop.order_status(order_no text)
  returns table (order_no text, product text, status text, carrier text, tracking_no text, expected_on date)
  language sql stable
as $$
  select o.order_no, o.product, o.status, o.carrier, o.tracking_no, o.expected_on
  from shop.orders as o where upper(o.order_no) = upper(order_status.order_no)
$$;
comment on function shop.order_status(text) is
  'Where an order is: status, carrier, tracking number and expected delivery, by order number such as A-1001. Wo ist meine Bestellung, Lieferung, Paket?';

create or replace function shop.product_stock(question text)
  returns table (product text, in_stock int, back_on date)
  language sql stable
as $$
  select s.product, s.in_stock, s.back_on
  from shop.stock as s
  where product_stock.question ilike '%' || s.product || '%'
$$;
comment on function shop.product_stock(text) is
  'Whether a product is in stock, and when it is available again. Pass the question with the name of the product.';

-- Tools in SQL have only the rights of howdah_app.
grant usage on schema shop to howdah_app;
grant select on shop.orders, shop.stock to howdah_app;
-- Agents that write SQL themselves (sql_query) have the rights of howdah_analyst.
grant usage on schema shop to howdah_analyst;
grant select on shop.orders, shop.stock, shop.invoices to howdah_analyst;
select howdah.register_sql_tool('shop.order_status(text)'), howdah.register_sql_tool('shop.product_stock(text)');

insert into howdah.agents (name, description, instruction)
select 'support', 'Answers customers of the shop.',
  'You answer customers of an outdoor shop. Look up orders and stock with your tools before you answer. '
  'Answer in the language of the customer, in at most four sentences. Say so if the tools do not have the answer.'
where not exists (
  select from howdah.agents
  where name = 'support' and tenant_id = howdah.current_tenant() and deleted_at is null
);
insert into howdah.agent_tools (agent_id, tool_id)
values (howdah.agent('support'), howdah.tool('order_status')),
  (howdah.agent('support'), howdah.tool('product_stock'))
on conflict do nothing;

-- The agent `analyst` answers questions about figures in SQL. An agent of this name that has no
-- sql_query is left alone.
select from howdah.use_analyst('{shop}')
where not exists (
  select from howdah.agents as a
  where a.name = 'analyst' and a.tenant_id = howdah.current_tenant() and a.deleted_at is null
    and not exists (
      select from howdah.agent_tools as g join howdah.tools as t on t.id = g.tool_id
      where g.agent_id = a.id and t.name = 'sql_query'
    )
);
