-- Starts a run of an agent for each row that arrives in a table, and writes the answer into the
-- row:
--
--   select howdah.watch_table('public.tickets', agent => 'support',
--     input => $$'Answer: ' || body$$, into_column => 'reply');
--
-- A trigger on the table starts the runs in the transaction that writes the rows. The answer is
-- written in a transaction of its own, as howdah_writer, which is granted that column.
-- unwatch_table revokes the privilege. Only an owner may call this function, and only for a table
-- of that owner. A second call for the same table, agent or workflow, and column changes the watch.
create or replace function howdah.watch_table(
  target text, agent text default null, input text default null, into_column text default null,
  on_event text default 'insert', condition text default null, workflow text default null,
  concurrency_key text default null, debounce_key text default null, debounce_ms int default null,
  on_refusal text default 'record'
) returns howdah.table_triggers
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_table regclass := howdah_private.resolve_watchable_table(watch_table.target);
  v_watch howdah.table_triggers;
begin
  -- `create trigger` accepts both orders
  v_watch.on_event := regexp_replace(lower(btrim(watch_table.on_event)), '^update or insert$',
    'insert or update');
  if v_watch.on_event is null or v_watch.on_event not in ('insert', 'update', 'insert or update')
    then
    raise exception using errcode = 'HWINV',
      message = format('on_event is %s, but must be insert, update, or insert or update',
        coalesce(quote_literal(watch_table.on_event), 'null')),
      detail = jsonb_build_object('field', 'on_event')::text,
      hint = 'Leave on_event out to watch inserts.';
  elsif num_nonnulls(watch_table.agent, watch_table.workflow) <> 1 then
    raise exception using errcode = 'HWINV',
      message = 'a watch needs either an agent or a workflow',
      detail = jsonb_build_object('field', 'agent')::text,
      hint = $h$Pass one of the two, such as agent => 'support'.$h$;
  end if;
  v_watch.table_name := v_table::text;
  v_watch.agent_id := howdah.agent(watch_table.agent) where watch_table.agent is not null;
  v_watch.workflow_id := howdah.workflow(watch_table.workflow)
    where watch_table.workflow is not null;
  v_watch.input := coalesce(watch_table.input,
    format('to_jsonb(%I.*)', (parse_ident(v_watch.table_name))[2]));
  perform howdah_private.check_watch_expression(v_table, f.field, f.expression)
  from (values ('input', v_watch.input), ('condition', watch_table.condition),
    ('concurrency_key', watch_table.concurrency_key), ('debounce_key', watch_table.debounce_key)
  ) as f (field, expression)
  where f.expression is not null;
  v_watch.key_columns := howdah_private.row_key_columns(
    v_table, watch_table.into_column, v_watch.on_event);
  update howdah.table_triggers as w set table_name = v_watch.table_name -- the table was renamed
  from howdah_private.watches_on(v_table) as o
  where w.id = o.id and not exists (
    select from howdah.table_triggers as t
    where t.tenant_id = o.tenant_id and t.table_name = v_watch.table_name
      and (coalesce(t.agent_id, t.workflow_id), t.into_column)
        is not distinct from (coalesce(o.agent_id, o.workflow_id), o.into_column));
  insert into howdah.table_triggers as w (table_name, on_event, agent_id, workflow_id, input,
    condition, into_column, key_columns, concurrency_key, debounce_key, debounce_ms, on_refusal)
  values (v_watch.table_name, v_watch.on_event, v_watch.agent_id, v_watch.workflow_id,
    v_watch.input, watch_table.condition, watch_table.into_column, v_watch.key_columns,
    watch_table.concurrency_key, watch_table.debounce_key, watch_table.debounce_ms,
    coalesce(watch_table.on_refusal, 'record'))
  on conflict (tenant_id, table_name, (coalesce(agent_id, workflow_id)),
    (coalesce(into_column, ''))) do update
  set on_event = excluded.on_event, input = excluded.input, condition = excluded.condition,
    key_columns = excluded.key_columns, concurrency_key = excluded.concurrency_key,
    debounce_key = excluded.debounce_key, debounce_ms = excluded.debounce_ms,
    on_refusal = excluded.on_refusal, is_active = true
  returning * into v_watch;
  perform howdah_private.create_watch_triggers(v_table, v_watch);
  return v_watch;
end $$;
comment on function howdah.watch_table(text, text, text, text, text, text, text, text, text,
  int, text) is
  E'@behavior -*\nStarts a run of an agent for each row that arrives in a table, and writes the '
  'answer of the run into a column. input (by default the row as JSON), condition, concurrency_key '
  'and debounce_key are expressions over the row, such as ''customer_id''. With on_refusal '
  '=> ''record'', a run that is refused becomes a failed run; ''raise'' rejects the statement. A '
  'second call with the same table, agent or workflow, and column changes the watch. '
  'unwatch_table ends the watch. Only owners of the database may call this function.';

-- Ends the watches of a table in this tenant. Runs that they started continue, but their answers
-- are not written.
create or replace function howdah.unwatch_table(target text) returns setof howdah.table_triggers
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
  v_table regclass;
  v_watch howdah.table_triggers;
begin
  perform howdah_private.require_database_owner('watch tables');
  v_table := howdah_private.resolve_table(unwatch_table.target);
  for v_watch in
    delete from howdah.table_triggers as w
    where w.tenant_id = howdah.current_tenant()
      and (w.table_name = coalesce(v_table::text, unwatch_table.target)
        or w.id in (select o.id from howdah_private.watches_on(v_table) as o))
    returning w.*
  loop
    perform howdah_private.drop_watch(v_watch.id);
    return next v_watch;
  end loop;
  if not found then
    perform howdah_private.raise_unwatched(coalesce(v_table::text, unwatch_table.target));
  end if;
exception when lock_not_available then -- writers of the table hold the row of the watch
  perform howdah_private.raise_busy_table(v_table);
end $$;
comment on function howdah.unwatch_table(text) is
  E'@behavior -*\nEnds the watches of a table. Runs that they started continue, but their answers '
  'are not written. Only owners of the database may call this function.';

-- Raises the error for a table that no watch of this tenant is on.
create or replace function howdah_private.raise_unwatched(target text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWNTF',
    message = format('%s is not watched', coalesce(raise_unwatched.target, 'null')),
    detail = jsonb_build_object('table', raise_unwatched.target)::text,
    hint = coalesce('The watched tables are: ' || (
      select string_agg(distinct w.table_name, ', ') from howdah.table_triggers as w
      where w.tenant_id = howdah.current_tenant()
    ), 'No table is watched.');
end $$;

-- Returns the watches of a table, by the name under which it is watched.
create or replace function howdah.watches(target text) returns setof howdah.table_triggers
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select w.* from howdah.table_triggers as w
    where w.tenant_id = howdah.current_tenant() and w.table_name = watches.target
    order by w.id;
  if not found then
    perform howdah_private.raise_unwatched(watches.target);
  end if;
end $$;
comment on function howdah.watches(text) is
  E'@behavior -*\nReturns the watches of a table, such as shop.tickets. Raises HWNTF if the table '
  'is not watched.';
