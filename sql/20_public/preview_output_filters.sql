-- What filters would make of a text, before a run says it: who writes a pattern tries it so. Those of one agent count when it is
-- named. Filters and agents are read with the rights of who asks.
create or replace function howdah.preview_output_filters(text text, place howdah.filter_place default 'output', agent text default null)
  returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('value', r.value, 'hits', r.hits)
  from (
    select array_agg(f order by f.action, f.name) as filters
    from howdah.output_filters as f
    where f.tenant_id = howdah.current_tenant() and f.is_active and preview_output_filters.place = any (f.places)
      and (f.agent_id is null or f.agent_id = case when preview_output_filters.agent is not null then howdah.agent(preview_output_filters.agent) end)
  ) as f, howdah_private.apply_output_filters(f.filters, to_jsonb(preview_output_filters.text)) as r
$$;
comment on function howdah.preview_output_filters(text, howdah.filter_place, text) is
  'What output filters would make of a text at a place: {value, hits: [{filter, action}]}, value null when it would be blocked; with an agent also its own filters. HWNTF when there is no such agent.';
