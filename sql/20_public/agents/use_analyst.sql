-- Creates the agent `analyst`, which answers questions about figures with `sql_query`, and adds
-- schemas to what it reads. It is not seeded with a tenant, because the name may be in use. The
-- function grants nothing: agents read a table only after it was granted to howdah_analyst.
create or replace function howdah.use_analyst(schemas text[] default '{public}')
  returns uuid
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_agent_id uuid;
  v_tool_id uuid;
begin
  if v_tenant_id is null then
    raise exception using errcode = 'HWDEN', message = 'this login acts for no tenant',
      detail = jsonb_build_object('login', session_user)::text,
      hint = 'An owner of the database binds it with a row in howdah_private.login_tenants.';
  end if;
  perform howdah_private.permit('tools', 'manage');
  if coalesce(cardinality(use_analyst.schemas), 0) = 0
    or array_position(use_analyst.schemas, null) is not null then
    raise exception using errcode = 'HWINV', message = 'schemas names no schema, or contains null',
      detail = jsonb_build_object('field', 'schemas')::text,
      hint = 'Name the schemas of your tables: howdah.use_analyst(''{public,shop}'').';
  end if;
  select t.id into v_tool_id from howdah.tools as t
  where t.tenant_id = v_tenant_id and t.name = 'sql_query' and t.kind = 'builtin';
  if not found then
    raise exception using errcode = 'HWNTF', message = 'there is no built-in tool "sql_query"',
      detail = jsonb_build_object('field', 'schemas')::text,
      hint = 'A tool of another kind has this name. Rename it and run: howdah migrate up.';
  end if;
  select a.id into v_agent_id from howdah.agents as a
  where a.tenant_id = v_tenant_id and a.name = 'analyst' and a.deleted_at is null;
  if not found then
    v_agent_id := howdah_private.insert_analyst(v_tool_id, use_analyst.schemas);
  end if;
  update howdah.agent_tools as g
  set configuration = g.configuration || jsonb_build_object('schemas', (
    select to_jsonb(array_agg(s.name order by s.first)) from (
      select u.name, min(u.position) as first
      from unnest(
        array(select jsonb_array_elements_text(
          coalesce(g.configuration -> 'schemas', '["public"]'))) || use_analyst.schemas
      ) with ordinality as u (name, position)
      group by u.name
    ) as s))
  where g.agent_id = v_agent_id and g.tool_id = v_tool_id;
  if not found then
    raise exception using errcode = 'HWCNF',
      message = 'an agent "analyst" exists, and it does not have the tool sql_query',
      detail = jsonb_build_object('agent_id', v_agent_id)::text,
      hint = 'Give it the tool with a row in howdah.agent_tools, or rename the agent.';
  end if;
  return v_agent_id;
end $$;
comment on function howdah.use_analyst(text[]) is
  E'@behavior -*\nCreates the agent analyst if there is none, and returns its id. The agent '
  'answers questions about figures with SQL. Adds schemas to those that the agent reads, but '
  'grants nothing: open tables with grants to howdah_analyst. Raises HWCNF if an agent analyst '
  'without sql_query exists.';

-- Inserts the agent `analyst` with its tool. The description has the words of questions in English
-- and German, since the manager compares them without an LLM.
create or replace function howdah_private.insert_analyst(tool_id uuid, schemas text[])
  returns uuid
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent_id uuid;
begin
  insert into howdah.agents (name, description, instruction, capabilities, max_steps)
  values ('analyst',
    'Answers questions about figures from the tables of the database with SQL: revenue, turnover, '
    'sales, income, cost, counts by month, quarter or year (Umsatz, Einnahmen, Erlöse, Kosten, '
    'Anzahl, Monat, Quartal, Jahr).',
    'Answer the question with figures from the database, in the language of the question. Look '
    'first: `describe` lists the tables, `describe orders` shows one in detail. Then ask by one '
    'SELECT at a time, let the database count and sum, and correct a rejected query by what the '
    'error says. If the question names no year, take the newest year with rows and say which. Say '
    'which table and columns you used. If the tables do not contain the answer, say so; never '
    'guess a number.',
    '{text-to-sql,figures,revenue}', 12)
  returning id into v_agent_id;
  insert into howdah.agent_tools (agent_id, tool_id, configuration)
  values (v_agent_id, insert_analyst.tool_id,
    jsonb_build_object('schemas', insert_analyst.schemas));
  return v_agent_id;
end $$;
