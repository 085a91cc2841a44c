-- Reports where a document does not match the published schema (agent_system_schema.sql). Each
-- fault has its place as a JSON pointer and a suggestion for a misspelt word, as the command line
-- reports it for a file. Because the schema is our own, only the keywords it uses are supported.
-- The texts of the faults come from validate_value.sql.
create or replace function howdah_private.shape_faults(schema jsonb, value jsonb, name text,
  parts text[]) returns jsonb[]
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_form jsonb := howdah_private.matching_branch(shape_faults.schema, shape_faults.value);
  v_path text := howdah_private.json_pointer(variadic shape_faults.parts);
  v_fault text := howdah_private.json_kind_fault(v_form, shape_faults.value, shape_faults.name);
  v_suggestion text;
  v_faults jsonb[];
  v_child record;
begin
  if v_fault is not null then
    if jsonb_typeof(value) = 'string' and v_form ?| array['enum', 'const'] then
      v_suggestion := howdah_private.nearest_word(left(value #>> '{}', 60),
        howdah_private.text_array(
          coalesce(v_form -> 'enum', jsonb_build_array(v_form -> 'const'))));
    end if;
    -- show the value only if it resembles a known word: it may be a pasted key
    return array[howdah_private.system_fault(v_path, coalesce(
      'unknown ' || shape_faults.name || ' ' || value::text || ', did you mean '
        || to_jsonb(v_suggestion)::text || '?', v_fault))];
  end if;
  v_faults := array(select howdah_private.system_fault(v_path, f.one)
    from unnest(howdah_private.json_value_faults(v_form - 'required', value,
      shape_faults.name)) as f (one));
  if jsonb_typeof(value) = 'object' then
    v_faults := v_faults || howdah_private.shape_key_faults(v_form, value, shape_faults.parts);
    for v_child in
      select e.key, e.value as one,
        coalesce(v_form -> 'properties' -> e.key, v_form -> 'additionalProperties') as form
      from jsonb_each(value) as e order by e.key collate "C"
    loop
      if jsonb_typeof(v_child.form) = 'object' and v_child.form <> '{}' then
        v_faults := v_faults || howdah_private.shape_faults(v_child.form, v_child.one, v_child.key,
          shape_faults.parts || v_child.key);
      end if;
    end loop;
  elsif jsonb_typeof(value) = 'array' and v_form ? 'items' then
    for v_child in select i.one, i.number - 1 as place
      from jsonb_array_elements(value) with ordinality as i (one, number) loop
      v_faults := v_faults || howdah_private.shape_faults(v_form -> 'items', v_child.one,
        format('%s[%s]', shape_faults.name, v_child.place),
        shape_faults.parts || v_child.place::text);
    end loop;
  end if;
  return v_faults;
end $$;

-- Returns the branch of a union that a value most likely means: by its tag, else by its type and
-- the fewest unknown or missing keys. If no branch fits, returns a schema of all allowed types.
create or replace function howdah_private.matching_branch(schema jsonb, value jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  with forms as (
    select f.form, f.place, t.key as tag, t.words
    from jsonb_array_elements(
      coalesce(matching_branch.schema -> 'oneOf',
        matching_branch.schema -> 'anyOf')) with ordinality as f (form, place)
    left join lateral (
      select p.key, coalesce(p.value -> 'enum', jsonb_build_array(p.value -> 'const')) as words
      from jsonb_each(f.form -> 'properties') as p
      where p.key in ('kind', 'type') and p.value ?| array['const', 'enum']
    ) as t on matching_branch.schema ? 'oneOf'
  ),
  meant as (
    select f.form from forms as f
    where f.form ->> 'type' = jsonb_typeof(matching_branch.value)
      and (f.tag is null or f.words @> (matching_branch.value -> f.tag))
    order by (select count(*)
      from jsonb_object_keys(
        case jsonb_typeof(matching_branch.value) when 'object'
          then matching_branch.value end) as k (key)
        where not f.form -> 'properties' ? k.key)
      + (select count(*) from jsonb_array_elements_text(f.form -> 'required') as r (key)
        where not matching_branch.value ? r.key), f.place
    limit 1
  )
  select case
    when not matching_branch.schema ?| array['oneOf', 'anyOf'] then matching_branch.schema
    else coalesce(
      (select m.form from meant as m),
      -- no branch has this tag: allow the tags of all branches, to suggest one
      (select jsonb_build_object('type', 'object', 'required', jsonb_build_array(f.tag),
        'properties', jsonb_build_object(f.tag,
          jsonb_build_object('type', 'string', 'enum', to_jsonb(array_agg(w.word)))))
        from forms as f cross join lateral jsonb_array_elements(f.words) as w (word)
        where f.tag is not null and jsonb_typeof(matching_branch.value) = 'object'
        group by f.tag limit 1),
      jsonb_build_object('type', (select to_jsonb(array_agg(
        distinct f.form -> 'type')) from forms as f))) end
$$;

-- Reports keys that are missing, unknown, or not valid names. A key that is present but misspelt is
-- not reported as missing.
create or replace function howdah_private.shape_key_faults(form jsonb, value jsonb, parts text[])
  returns jsonb[]
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  with known as (
    select coalesce(array_agg(k.key order by k.key), '{}') as keys
    from jsonb_object_keys(shape_key_faults.form -> 'properties') as k (key)
  ),
  unknown as materialized (
    select k.key, howdah_private.nearest_word(left(k.key, 60), known.keys) as near, known.keys,
      k.key ~* '^(api_?key|key|token|secret|password)$' as is_secret
    from jsonb_object_keys(shape_key_faults.value) as k (key) cross join known
    where form -> 'additionalProperties' = 'false' and k.key <> all (known.keys)
  ),
  faults as (
    select r.key, r.key || ' is missing' as message, null as hint
    from jsonb_array_elements_text(form -> 'required') as r (key)
    where not shape_key_faults.value ? r.key
      and not exists (select from unknown as u where u.near = r.key)
    union all
    select u.key, case when u.is_secret then u.key || ': a file must not contain keys'
        else format('unknown key %s', to_jsonb(left(u.key, 60)))
          || coalesce(', did you mean ' || to_jsonb(u.near)::text || '?', '') end,
      case when u.is_secret
        then 'Store the key with howdah admin secret set NAME, '
          'and write secret_name: NAME in the model.'
        when u.near is null and u.keys <> '{}'
          then 'Known keys: ' || array_to_string(u.keys, ', ') || '.' end
    from unknown as u
    union all
    select k.key, f.one, null
    from jsonb_object_keys(shape_key_faults.value) as k (key)
    cross join lateral unnest(
      howdah_private.json_value_faults(form -> 'propertyNames', to_jsonb(k.key),
      'the name ' || to_jsonb(left(k.key, 60))::text)) as f (one)
    where form ? 'propertyNames'
  )
  select coalesce(
    array_agg(howdah_private.system_fault(
      howdah_private.json_pointer(variadic shape_key_faults.parts || f.key), f.message, f.hint)
    order by f.key), '{}')
  from faults as f
$$;

-- Returns the faults that json_faults finds, with their places. If only json_faults finds
-- something, returns its texts with the place of the value.
create or replace function howdah_private.located_faults(schema jsonb, value jsonb, name text,
  parts text[]) returns jsonb[]
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_messages text[] := howdah_private.json_faults(located_faults.schema, located_faults.value);
begin
  if v_messages = '{}' then
    return '{}';
  end if;
  return coalesce(
    nullif(howdah_private.shape_faults(located_faults.schema, value, name, located_faults.parts),
      '{}'), array(
    select howdah_private.system_fault(howdah_private.json_pointer(variadic located_faults.parts),
      s.one) from unnest(v_messages) as s (one)));
end $$;
