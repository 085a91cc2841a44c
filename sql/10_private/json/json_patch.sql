-- What turns one document into another, as operations of a JSON Patch (RFC 6902) in the order they are applied. Parts of a list
-- that have an id or a name are followed by it, so that one more tool is one addition and not a change of all behind it.
create or replace function howdah_private.json_changes(before jsonb, after jsonb, at text default '', called text default '')
  returns table (place text, op text, path text, old jsonb, new jsonb)
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if json_changes.before = json_changes.after then
    return;
  elsif jsonb_typeof(json_changes.before) = 'object' and jsonb_typeof(json_changes.after) = 'object' then
    return query
    select c.place, c.op, c.path, c.old, c.new from (
      select k.key, json_changes.at || '/' || replace(replace(k.key, '~', '~0'), '/', '~1') as spot,
        concat_ws('.', nullif(json_changes.called, ''), k.key) as name
      from jsonb_object_keys(json_changes.before || json_changes.after) as k (key)
    ) as k
    cross join lateral howdah_private.json_change(json_changes.before -> k.key, json_changes.after -> k.key, k.spot, k.name)
      with ordinality as c (place, op, path, old, new, number)
    order by k.key, c.number;
  elsif howdah_private.part_keys(json_changes.before) is not null and howdah_private.part_keys(json_changes.after) is not null then
    return query
    select c.* from howdah_private.json_list_changes(json_changes.before, json_changes.after, json_changes.at, json_changes.called) as c;
  else
    return query select json_changes.called, 'replace', json_changes.at, json_changes.before, json_changes.after;
  end if;
end $$;

-- One member of a document: it came, it went, or something in it changed.
create or replace function howdah_private.json_change(before jsonb, after jsonb, at text, called text)
  returns table (place text, op text, path text, old jsonb, new jsonb)
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if json_change.before is null or json_change.after is null then
    return query select json_change.called, case when json_change.before is null then 'add' else 'remove' end,
      json_change.at, json_change.before, json_change.after;
  else
    return query select c.* from howdah_private.json_changes(json_change.before, json_change.after, json_change.at, json_change.called) as c;
  end if;
end $$;

-- By what the parts of a list are followed; null when they cannot be: they have neither, or two have the same.
create or replace function howdah_private.part_keys(list jsonb) returns text[]
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case when count(k.key) = count(*) and count(distinct k.key) = count(*)
    then coalesce(array_agg(k.key order by k.place), '{}') end
  from (
    select e.place, case when jsonb_typeof(e.part) = 'object' then coalesce(e.part ->> 'id', e.part ->> 'name') end as key
    from jsonb_array_elements(case jsonb_typeof(part_keys.list) when 'array' then part_keys.list else '[null]' end)
      with ordinality as e (part, place)
  ) as k
$$;

-- What is gone is taken out from the end, what is new is put where it goes, and then the others are looked at. Where those have
-- changed places the list is replaced.
create or replace function howdah_private.json_list_changes(before jsonb, after jsonb, at text, called text)
  returns table (place text, op text, path text, old jsonb, new jsonb)
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_old constant text[] := howdah_private.part_keys(json_list_changes.before);
  v_new constant text[] := howdah_private.part_keys(json_list_changes.after);
  v_key text;
  v_at int;
begin
  if array(select k.key from unnest(v_old) with ordinality as k (key, place) where k.key = any (v_new) order by k.place)
    <> array(select k.key from unnest(v_new) with ordinality as k (key, place) where k.key = any (v_old) order by k.place) then
    return query select json_list_changes.called, 'replace', json_list_changes.at, json_list_changes.before, json_list_changes.after;
    return;
  end if;
  for v_at in select i from generate_subscripts(v_old, 1) as i where v_old[i] <> all (v_new) order by i desc loop
    return query select howdah_private.part_place(json_list_changes.called, json_list_changes.before -> (v_at - 1)), 'remove',
      format('%s/%s', json_list_changes.at, v_at - 1), json_list_changes.before -> (v_at - 1), null::jsonb;
  end loop;
  for v_at in select i from generate_subscripts(v_new, 1) as i where v_new[i] <> all (v_old) order by i loop
    return query select howdah_private.part_place(json_list_changes.called, json_list_changes.after -> (v_at - 1)), 'add',
      format('%s/%s', json_list_changes.at, v_at - 1), null::jsonb, json_list_changes.after -> (v_at - 1);
  end loop;
  for v_key, v_at in select v_new[i], i from generate_subscripts(v_new, 1) as i where v_new[i] = any (v_old) order by i loop
    return query select c.* from howdah_private.json_changes(
      json_list_changes.before -> (array_position(v_old, v_key) - 1), json_list_changes.after -> (v_at - 1),
      format('%s/%s', json_list_changes.at, v_at - 1),
      howdah_private.part_place(json_list_changes.called, json_list_changes.after -> (v_at - 1))) as c;
  end loop;
end $$;

create or replace function howdah_private.part_place(place text, part jsonb) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select concat_ws('.', nullif(part_place.place, ''), coalesce(part_place.part ->> 'name', part_place.part ->> 'id'))
$$;

-- Changes as people and programs read them: operation is the one of RFC 6902, text has a line for each line that went and came.
create or replace function howdah_private.version_changes(what text, id uuid, from_version text, to_version text)
  returns table (place text, op text, path text, old jsonb, new jsonb, operation jsonb, text text)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
  select c.place, c.op, c.path, c.old, c.new,
    jsonb_build_object('op', c.op, 'path', c.path) || case c.op when 'remove' then '{}' else jsonb_build_object('value', c.new) end,
    concat_ws(E'\n', c.place, howdah_private.marked_lines('- ', c.old), howdah_private.marked_lines('+ ', c.new))
  from howdah_private.version_of(version_changes.what, version_changes.id, version_changes.from_version) as a
  cross join howdah_private.version_of(version_changes.what, version_changes.id,
    coalesce(version_changes.to_version, howdah_private.last_version(version_changes.what, version_changes.id))) as b
  cross join lateral howdah_private.json_changes(a.definition, b.definition) with ordinality as c (place, op, path, old, new, number)
  order by c.number;
end $$;

create or replace function howdah_private.marked_lines(mark text, value jsonb) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select marked_lines.mark || replace(
    case jsonb_typeof(marked_lines.value) when 'string' then marked_lines.value #>> '{}' else jsonb_pretty(marked_lines.value) end,
    E'\n', E'\n' || marked_lines.mark)
$$;
