-- Returns the difference of two JSON documents as operations of a JSON Patch (RFC 6902), in the
-- order of their application. List elements with an id or a name are matched by it, so that one
-- added tool is one addition, not a change of all elements after it.
create or replace function howdah_private.json_changes(
  before jsonb, after jsonb, at text default '', label text default ''
)
  returns table (place text, op text, path text, old jsonb, new jsonb)
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if json_changes.before = json_changes.after then
    return;
  elsif jsonb_typeof(json_changes.before) = 'object'
    and jsonb_typeof(json_changes.after) = 'object' then
    return query
    select c.place, c.op, c.path, c.old, c.new from (
      select k.key, json_changes.at || '/' || replace(replace(k.key, '~', '~0'), '/', '~1') as spot,
        concat_ws('.', nullif(json_changes.label, ''), k.key) as name
      from jsonb_object_keys(json_changes.before || json_changes.after) as k (key)
    ) as k
    cross join lateral howdah_private.json_change(
      json_changes.before -> k.key, json_changes.after -> k.key, k.spot, k.name)
      with ordinality as c (place, op, path, old, new, number)
    order by k.key, c.number;
  elsif howdah_private.part_keys(json_changes.before) is not null
    and howdah_private.part_keys(json_changes.after) is not null then
    return query
    select c.* from howdah_private.json_list_changes(
      json_changes.before, json_changes.after, json_changes.at, json_changes.label) as c;
  else
    return query select json_changes.label, 'replace', json_changes.at, json_changes.before,
      json_changes.after;
  end if;
end $$;

-- Returns the changes of one member of a document: an addition, a removal, or changes within it.
create or replace function howdah_private.json_change(
  before jsonb, after jsonb, at text, label text
)
  returns table (place text, op text, path text, old jsonb, new jsonb)
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if json_change.before is null or json_change.after is null then
    return query select json_change.label,
      case when json_change.before is null then 'add' else 'remove' end, json_change.at,
      json_change.before, json_change.after;
  else
    return query select c.* from howdah_private.json_changes(
      json_change.before, json_change.after, json_change.at, json_change.label) as c;
  end if;
end $$;

-- Returns the keys that identify the elements of a list. Returns null if an element has no id or
-- name, or if two elements have the same key.
create or replace function howdah_private.part_keys(list jsonb) returns text[]
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case when count(k.key) = count(*) and count(distinct k.key) = count(*)
    then coalesce(array_agg(k.key order by k.place), '{}') end
  from (
    select e.place, case when jsonb_typeof(e.part) = 'object'
      then coalesce(e.part ->> 'id', e.part ->> 'name') end as key
    from jsonb_array_elements(
      case jsonb_typeof(part_keys.list) when 'array' then part_keys.list else '[null]' end)
      with ordinality as e (part, place)
  ) as k
$$;

-- Returns the changes of a list. Removes old elements from the end, inserts new elements at their
-- places, then compares the others. Replaces the whole list if the others changed their order.
create or replace function howdah_private.json_list_changes(
  before jsonb, after jsonb, at text, label text
)
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
  if array(
    select k.key from unnest(v_old) with ordinality as k (key, place)
    where k.key = any (v_new) order by k.place
  ) <> array(
    select k.key from unnest(v_new) with ordinality as k (key, place)
    where k.key = any (v_old) order by k.place
  ) then
    return query select json_list_changes.label, 'replace', json_list_changes.at,
      json_list_changes.before, json_list_changes.after;
    return;
  end if;
  for v_at in
    select i from generate_subscripts(v_old, 1) as i where v_old[i] <> all (v_new) order by i desc
  loop
    return query select
      howdah_private.part_place(json_list_changes.label, json_list_changes.before -> (v_at - 1)),
      'remove', format('%s/%s', json_list_changes.at, v_at - 1),
      json_list_changes.before -> (v_at - 1), null::jsonb;
  end loop;
  for v_at in
    select i from generate_subscripts(v_new, 1) as i where v_new[i] <> all (v_old) order by i
  loop
    return query select
      howdah_private.part_place(json_list_changes.label, json_list_changes.after -> (v_at - 1)),
      'add', format('%s/%s', json_list_changes.at, v_at - 1), null::jsonb,
      json_list_changes.after -> (v_at - 1);
  end loop;
  for v_key, v_at in
    select v_new[i], i from generate_subscripts(v_new, 1) as i
    where v_new[i] = any (v_old) order by i
  loop
    return query select c.* from howdah_private.json_changes(
      json_list_changes.before -> (array_position(v_old, v_key) - 1),
      json_list_changes.after -> (v_at - 1),
      format('%s/%s', json_list_changes.at, v_at - 1),
      howdah_private.part_place(json_list_changes.label, json_list_changes.after -> (v_at - 1))
    ) as c;
  end loop;
end $$;

create or replace function howdah_private.part_place(place text, part jsonb) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select concat_ws('.', nullif(part_place.place, ''),
    coalesce(part_place.part ->> 'name', part_place.part ->> 'id'))
$$;

-- Returns the changes between two versions, for people and for programs. `operation` is the
-- operation of RFC 6902. `text` has a line for each line that was removed or added.
create or replace function howdah_private.version_changes(
  what text, id uuid, from_version text, to_version text
)
  returns table (place text, op text, path text, old jsonb, new jsonb, operation jsonb, text text)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
  select c.place, c.op, c.path, c.old, c.new,
    jsonb_build_object('op', c.op, 'path', c.path)
      || case c.op when 'remove' then '{}' else jsonb_build_object('value', c.new) end,
    concat_ws(E'\n', c.place, howdah_private.marked_lines('- ', c.old),
      howdah_private.marked_lines('+ ', c.new))
  from howdah_private.version_of(
    version_changes.what, version_changes.id, version_changes.from_version) as a
  cross join howdah_private.version_of(version_changes.what, version_changes.id, coalesce(
    version_changes.to_version,
    howdah_private.last_version(version_changes.what, version_changes.id))) as b
  cross join lateral howdah_private.json_changes(a.definition, b.definition)
    with ordinality as c (place, op, path, old, new, number)
  order by c.number;
end $$;

create or replace function howdah_private.marked_lines(mark text, value jsonb) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select marked_lines.mark || replace(
    case jsonb_typeof(marked_lines.value) when 'string' then marked_lines.value #>> '{}'
      else jsonb_pretty(marked_lines.value) end,
    E'\n', E'\n' || marked_lines.mark)
$$;
