-- "Umsatz Q1": a question goes to the workflow `manager`, which finds the agent that can answer it.
-- The agent queries the database.
--   psql "$(npx howdah db url)" -f examples/revenue.sql
create schema if not exists figures;
create table if not exists figures.invoices (
  no int primary key,
  issued_on date not null,
  amount numeric not null
);
insert into figures.invoices values
  (1, '2026-01-12', 1200.00), (2, '2026-02-03', 640.50), (3, '2026-03-28', 159.50),
  (4, '2026-04-09', 4300.00), (5, '2026-08-17', 75.25)
on conflict do nothing;

create or replace function figures.revenue(question text)
  returns table (year int, quarter text, revenue numeric, invoices bigint)
  language sql stable
as $$
  select extract(year from i.issued_on)::int, 'Q' || extract(quarter from i.issued_on),
    sum(i.amount), count(*)
  from figures.invoices as i
  -- all quarters, unless the question names one
  where coalesce(
    'Q' || extract(quarter from i.issued_on)
      = upper((regexp_match(revenue.question, '\mq[1-4]\M', 'i'))[1]), true)
  group by 1, 2
  order by 1, 2
$$;
comment on function figures.revenue(text) is
  'Revenue by quarter, from the invoices. Pass the question, such as: revenue Q1. Umsatz, Einnahmen, Quartal.';

grant usage on schema figures to howdah_app;
grant select on figures.invoices to howdah_app;
select howdah.register_sql_tool('figures.revenue(text)');

insert into howdah.agents (name, description, instruction, capabilities, domain)
select 'analyst', 'Answers questions about figures of the company, such as revenue (Umsatz), from the database.',
  'Answer only with figures from your tools.', '{text-to-sql,revenue,umsatz}', 'finance'
where not exists (
  select from howdah.agents
  where name = 'analyst' and tenant_id = howdah.current_tenant() and deleted_at is null
);
insert into howdah.agent_tools (agent_id, tool_id)
values (howdah.agent('analyst'), howdah.tool('revenue'))
on conflict do nothing;

select id, status from howdah.run('manager', 'Umsatz Q1');
-- After the run has ended, these queries show the answer, the choice of the agent with its reason,
-- and the calls of tools:
--   select status, output from howdah.executions order by id desc limit 2;
--   select method, chosen, reason, candidates from howdah.routing_decisions;
--   select name, input, output from howdah.steps
--   where kind = 'tool' order by finished_at desc limit 3;
