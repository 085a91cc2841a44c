-- Search of runs by metadata: which runs of a tenant contain {"order": 4711}? The tags are narrow
-- rows beside the runs, since no index on jsonb serves a reader under row security (sql/README.md).
--
--   metadata                             tags (key, value)
--   {"order": 4711, "tags": ["a", "b"]}  (order, 4711) (tags, []) (tags, "a") (tags, "b")
--
-- A run that contains a filter has all tags of the filter. The reverse is not true: a tag does not
-- say how deep its value is, and long values are digests. A search therefore compares `metadata @>`
-- as well, with the few runs that the tags find.

-- Returns the tags of metadata; some may be there twice. Equal numbers have one text: 1.0 is 1. The
-- body is parsed, so that it is inlined: called for each row, it takes ten times as long.
create or replace function howdah_private.tags_of(metadata jsonb)
  returns table (key text, value text)
  language sql immutable
begin atomic
  select case when octet_length(m.key) > 200 then md5(m.key) else m.key end,
    case when octet_length(t.text) > 200 then md5(t.text) else t.text end
  from jsonb_each(tags_of.metadata) as m
  cross join lateral jsonb_path_query(m.value, 'strict $.**') with ordinality as v (value, place)
  cross join lateral (
    select case jsonb_typeof(v.value)
      when 'number' then trim_scale((v.value #>> '{}')::numeric)::text
      when 'object' then '{}' when 'array' then '[]' else v.value::text end
  ) as t (text)
  -- the first value is that of the key itself
  where v.place = 1 or jsonb_typeof(v.value) not in ('object', 'array');
end;

-- Returns the tag to search for a filter at a place from 1, as {key, value}. Places beyond the last
-- tag begin anew. A filter that contains nothing has none. That an object or array is there is only
-- searched if it says nothing else, since any object would do.
create or replace function howdah_private.searched_tag(filter jsonb, place int) returns text[]
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_keys text[];
  v_values text[];
begin
  select array_agg(t.key order by t.key, t.value), array_agg(t.value order by t.key, t.value)
  into v_keys, v_values
  from (
    select g.key, g.value, count(*) over (partition by g.key) as tags
    from howdah_private.tags_of(searched_tag.filter) as g
  ) as t
  where t.tags = 1 or t.value not in ('{}', '[]');
  return case when v_keys is not null then array[
    v_keys[1 + (searched_tag.place - 1) % cardinality(v_keys)],
    v_values[1 + (searched_tag.place - 1) % cardinality(v_keys)]] end;
end $$;

-- Deletes the tags of a run with these metadata.
create or replace function howdah_private.delete_tags(tenant_id uuid, id uuid, metadata jsonb)
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  delete from howdah_private.run_tags as g using howdah_private.tags_of(delete_tags.metadata) as t
  where g.tenant_id = delete_tags.tenant_id and g.key = t.key and g.value = t.value
    and g.execution_id = delete_tags.id
$$;

-- Writes the tags of a run in place of those it had.
create or replace function howdah_private.tg_executions__replace_tags() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.delete_tags(old.tenant_id, old.id, old.metadata);
  insert into howdah_private.run_tags (tenant_id, execution_id, key, value)
  select new.tenant_id, new.id, t.key, t.value from howdah_private.tags_of(new.metadata) as t
  on conflict on constraint run_tags_pkey do nothing;
  return null;
end $$;

-- Deletes the tags of runs, which still exist.
create or replace function howdah_private.delete_run_tags(ids uuid[]) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  delete from howdah_private.run_tags as g
  using howdah.executions as e, howdah_private.tags_of(e.metadata) as t
  where e.id = any (delete_run_tags.ids) and e.metadata <> '{}'
    and g.tenant_id = e.tenant_id and g.key = t.key and g.value = t.value
    and g.execution_id = e.id
$$;

-- Writes the tags of a batch of the runs that are older than the table. Returns the number of runs
-- that were read, 0 when the table is complete. `migrate up` repeats it. Runs that are inserted
-- meanwhile write their tags themselves. The runs are locked, so that an erasure at the same time
-- comes before, and leaves nothing to write, or after, and deletes what is written.
create or replace function howdah_private.backfill_run_tags(batch int) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
declare
  v_reached uuid;
  v_ids uuid[];
begin
  select b.reached into v_reached from howdah_private.backfills as b
  where b.name = 'run_tags' for update;
  if not found then
    return 0;
  end if;
  v_ids := array(
    select e.id::uuid from howdah.executions as e
    where e.id > coalesce(v_reached, '00000000-0000-0000-0000-000000000000')
    order by e.id limit backfill_run_tags.batch);
  perform from howdah.executions as e
  where e.id = any (v_ids) and e.metadata <> '{}' order by e.id for share;
  insert into howdah_private.run_tags (tenant_id, execution_id, key, value)
  select e.tenant_id, e.id, t.key, t.value
  from howdah.executions as e cross join howdah_private.tags_of(e.metadata) as t
  where e.id = any (v_ids) and e.metadata <> '{}'
  on conflict on constraint run_tags_pkey do nothing;
  update howdah_private.backfills as b set reached = v_ids[cardinality(v_ids)]
  where b.name = 'run_tags' and cardinality(v_ids) > 0;
  delete from howdah_private.backfills as b
  where b.name = 'run_tags' and cardinality(v_ids) = 0;
  return cardinality(v_ids);
end $$;
