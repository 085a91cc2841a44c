-- Returns the newest runs of the tenant whose metadata contains a JSON object. Reads the runs with
-- the rarest tag of the object (run_tags.sql), newest first. A function of the engine, since
-- readers may not read all columns of a run. It checks the tenant and hidden agents itself.
create or replace function howdah.find_runs(metadata jsonb, most int default 1000)
  returns setof howdah.executions
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_hidden uuid[] := howdah_private.hidden_agents();
  v_is_operator boolean := howdah_private.is_operator();
  v_tag text[];
  v_run howdah.executions;
begin
  perform howdah_private.check_search(find_runs.metadata, find_runs.most);
  v_tag := howdah_private.rarest_tag(v_tenant_id, find_runs.metadata);
  for v_run in
    select h.*
    from howdah_private.run_tags as g
    join howdah.executions as e on e.id = g.execution_id
    cross join lateral howdah_private.with_head(e) as h
    where g.tenant_id = v_tenant_id and g.key = v_tag[1] and g.value = v_tag[2]
      and e.tenant_id = v_tenant_id
      -- `case` hides the estimate, a thousandth of the runs: the newest are then read in order
      and case when e.metadata @> find_runs.metadata then true else false end
      and coalesce(e.agent_id, e.workflow_id) <> all (v_hidden)
    order by g.execution_id desc limit find_runs.most
  loop
    if not v_is_operator then
      v_run.callback_url := null;
    end if;
    return next v_run;
  end loop;
end $$;
comment on function howdah.find_runs(jsonb, int) is
  E'@behavior -*\nReturns the newest runs, at most `most`, whose metadata contains this object: '
  'select id, status from howdah.find_runs(''{"order": 4711}''). Served by an index.';

-- Returns the tag of a filter that the fewest runs have. More than a hundred count as a hundred.
create or replace function howdah_private.rarest_tag(tenant_id uuid, filter jsonb) returns text[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select s.tag
  from generate_series(1, least(8, (
    select count(*) from howdah_private.tags_of(rarest_tag.filter)))::int) as p (place)
  cross join lateral howdah_private.searched_tag(rarest_tag.filter, p.place) as s (tag)
  cross join lateral (
    select count(*) as runs from (
      select from howdah_private.run_tags as g
      where g.tenant_id = rarest_tag.tenant_id and g.key = s.tag[1] and g.value = s.tag[2]
      limit 100) as o
  ) as c
  order by c.runs, p.place limit 1
$$;

create or replace function howdah_private.check_search(metadata jsonb, most int) returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_typeof(check_search.metadata) is distinct from 'object'
    or check_search.metadata = '{}' then
    raise exception using errcode = 'HWINV',
      message = format('metadata must be a JSON object with a value to search, not %s',
        coalesce(left(check_search.metadata::text, 100), 'null')),
      detail = jsonb_build_object('field', 'metadata')::text,
      hint = 'Name what the metadata of the runs contains, such as {"order": 4711}.';
  elsif (check_search.most between 1 and 10000) is not true then
    raise exception using errcode = 'HWINV',
      message = format('most must be from 1 to 10000, not %s',
        coalesce(check_search.most::text, 'null')),
      detail = jsonb_build_object('field', 'most')::text,
      hint = 'The default is 1000. Older runs are in howdah.executions.';
  end if;
end $$;
