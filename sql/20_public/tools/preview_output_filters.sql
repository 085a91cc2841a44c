-- Shows the effect of output filters on a text, so that the author of a pattern can test it. With
-- an agent, also applies the filters of that agent. Reads filters and agents with the privileges of
-- the caller.
create or replace function howdah.preview_output_filters(text text,
  place howdah.filter_place default 'output', agent text default null)
  returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('value', r.value, 'hits', r.hits)
  from (
    select array_agg(f order by f.action, f.name) as filters
    from howdah.output_filters as f
    where f.tenant_id = howdah.current_tenant() and f.is_active
      and preview_output_filters.place = any (f.places)
      and (f.agent_id is null
        or f.agent_id = case when preview_output_filters.agent is not null
          then howdah.agent(preview_output_filters.agent) end)
  ) as f, howdah_private.apply_output_filters(f.filters, to_jsonb(preview_output_filters.text)) as r
$$;
comment on function howdah.preview_output_filters(text, howdah.filter_place, text) is
  'Returns the effect of output filters on text at a place: {value, hits: [{filter, action}]}. '
  'value is null if a filter blocks the text. With an agent, also applies the filters of that '
  'agent. Raises HWNTF if there is no such agent.';
