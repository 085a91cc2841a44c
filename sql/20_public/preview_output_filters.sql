-- What filters would make of a text, before a run says it: who writes a pattern tries it so. Those of one agent count when it is
-- named. Filters and agents are read with the rights of who asks.
create or replace function howdah.look_through(text text, place howdah.filter_place default 'output', agent text default null)
  returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('value', r.value, 'hits', r.hits)
  from (
    select array_agg(f order by f.action, f.name) as filters
    from howdah.output_filters as f
    where f.tenant_id = howdah.current_tenant() and f.is_active and look_through.place = any (f.places)
      and (f.agent_id is null or f.agent_id = case when look_through.agent is not null then howdah.agent(look_through.agent) end)
  ) as f, howdah_private.let_out(f.filters, to_jsonb(look_through.text)) as r
$$;
comment on function howdah.look_through(text, howdah.filter_place, text) is
  'What output filters would make of a text at a place: {value, hits: [{filter, action}]}, value null when it would be blocked; with an agent also its own filters. HWNTF when there is no such agent.';
