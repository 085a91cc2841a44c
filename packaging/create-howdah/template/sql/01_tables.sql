-- The tables of the app. Each `npm start` applies all files of sql/, in the order of their names.
-- So each statement must be repeatable.
create schema if not exists shop;

create table if not exists shop.orders (
  order_no text primary key,
  customer text not null,
  product text not null,
  service text not null check (service in ('standard', 'express')),
  shipped_on date
);

insert into shop.orders values
  ('A-1001', 'Mara Lindqvist', 'Trail backpack 32 l', 'standard', '2026-05-07'),
  ('A-1002', 'Jonas Weber', 'Enamel mug, set of 4', 'express', '2026-05-08'),
  ('A-1003', 'Priya Nair', 'Down jacket, size M', 'standard', null)
on conflict do nothing;
