-- What of a described system is not as the published schema says (agent_system_schema.sql), each thing at its place as a JSON
-- pointer and with the word that was meant, as the command line tells it of a file. The schema is our own, so only the words
-- that it uses are looked at: of these validate_value.sql has the sentences.
create or replace function howdah_private.shape_faults(schema jsonb, value jsonb, name text, parts text[]) returns jsonb[]
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_form jsonb := howdah_private.shape_form(shape_faults.schema, shape_faults.value);
  v_path text := howdah_private.json_pointer(variadic shape_faults.parts);
  v_fault text := howdah_private.json_kind_fault(v_form, shape_faults.value, shape_faults.name);
  v_near text;
  v_faults jsonb[];
  v_below record;
begin
  if v_fault is not null then
    if jsonb_typeof(value) = 'string' and v_form ?| array['enum', 'const'] then
      v_near := howdah_private.nearest_word(left(value #>> '{}', 60),
        howdah_private.texts(coalesce(v_form -> 'enum', jsonb_build_array(v_form -> 'const'))));
    end if;
    -- what stands there is shown only where it is like a known word: it may be a key that was pasted
    return array[howdah_private.system_fault(v_path, coalesce(
      'unknown ' || shape_faults.name || ' ' || value::text || ', did you mean ' || to_jsonb(v_near)::text || '?', v_fault))];
  end if;
  v_faults := array(select howdah_private.system_fault(v_path, f.one)
    from unnest(howdah_private.json_value_faults(v_form - 'required', value, shape_faults.name)) as f (one));
  if jsonb_typeof(value) = 'object' then
    v_faults := v_faults || howdah_private.shape_key_faults(v_form, value, shape_faults.parts);
    for v_below in
      select e.key, e.value as one, coalesce(v_form -> 'properties' -> e.key, v_form -> 'additionalProperties') as form
      from jsonb_each(value) as e order by e.key collate "C"
    loop
      if jsonb_typeof(v_below.form) = 'object' and v_below.form <> '{}' then
        v_faults := v_faults || howdah_private.shape_faults(v_below.form, v_below.one, v_below.key, shape_faults.parts || v_below.key);
      end if;
    end loop;
  elsif jsonb_typeof(value) = 'array' and v_form ? 'items' then
    for v_below in select i.one, i.number - 1 as place from jsonb_array_elements(value) with ordinality as i (one, number) loop
      v_faults := v_faults || howdah_private.shape_faults(v_form -> 'items', v_below.one,
        format('%s[%s]', shape_faults.name, v_below.place), shape_faults.parts || v_below.place::text);
    end loop;
  end if;
  return v_faults;
end $$;

-- Of a union the form that is meant: by the word that tells forms apart, else by its kind and the fewest strange or missing
-- keys. Where nothing is meant, what any of them may be.
create or replace function howdah_private.shape_form(schema jsonb, value jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  with forms as (
    select f.form, f.place, t.key as tag, t.words
    from jsonb_array_elements(coalesce(shape_form.schema -> 'oneOf', shape_form.schema -> 'anyOf')) with ordinality as f (form, place)
    left join lateral (
      select p.key, coalesce(p.value -> 'enum', jsonb_build_array(p.value -> 'const')) as words
      from jsonb_each(f.form -> 'properties') as p
      where p.key in ('kind', 'type') and p.value ?| array['const', 'enum']
    ) as t on shape_form.schema ? 'oneOf'
  ),
  meant as (
    select f.form from forms as f
    where f.form ->> 'type' = jsonb_typeof(shape_form.value) and (f.tag is null or f.words @> (shape_form.value -> f.tag))
    order by (select count(*) from jsonb_object_keys(case jsonb_typeof(shape_form.value) when 'object' then shape_form.value end) as k (key)
        where not f.form -> 'properties' ? k.key)
      + (select count(*) from jsonb_array_elements_text(f.form -> 'required') as r (key) where not shape_form.value ? r.key), f.place
    limit 1
  )
  select case
    when not shape_form.schema ?| array['oneOf', 'anyOf'] then shape_form.schema
    else coalesce(
      (select m.form from meant as m),
      -- no form has this word: the words of all stand in the place of one's
      (select jsonb_build_object('type', 'object', 'required', jsonb_build_array(f.tag), 'properties', jsonb_build_object(f.tag,
          jsonb_build_object('type', 'string', 'enum', jsonb_agg(w.word))))
        from forms as f cross join lateral jsonb_array_elements(f.words) as w (word)
        where f.tag is not null and jsonb_typeof(shape_form.value) = 'object' group by f.tag limit 1),
      jsonb_build_object('type', (select jsonb_agg(distinct f.form -> 'type') from forms as f))) end
$$;

-- Keys that are missing, unknown, or no names. One that is there misspelt is not missing.
create or replace function howdah_private.shape_key_faults(form jsonb, value jsonb, parts text[]) returns jsonb[]
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  with known as (
    select coalesce(array_agg(k.key order by k.key), '{}') as keys from jsonb_object_keys(shape_key_faults.form -> 'properties') as k (key)
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
    where not shape_key_faults.value ? r.key and not exists (select from unknown as u where u.near = r.key)
    union all
    select u.key, case when u.is_secret then u.key || ': keys never stand in a file'
        else format('unknown key %s', to_jsonb(left(u.key, 60))) || coalesce(', did you mean ' || to_jsonb(u.near)::text || '?', '') end,
      case when u.is_secret then 'Store it: howdah secret set NAME, and write secret_name: NAME in the model.'
        when u.near is null and u.keys <> '{}' then 'Known here: ' || array_to_string(u.keys, ', ') || '.' end
    from unknown as u
    union all
    select k.key, f.one, null
    from jsonb_object_keys(shape_key_faults.value) as k (key)
    cross join lateral unnest(howdah_private.json_value_faults(form -> 'propertyNames', to_jsonb(k.key),
      'the name ' || to_jsonb(left(k.key, 60))::text)) as f (one)
    where form ? 'propertyNames'
  )
  select coalesce(array_agg(howdah_private.system_fault(howdah_private.json_pointer(variadic shape_key_faults.parts || f.key), f.message, f.hint)
    order by f.key), '{}')
  from faults as f
$$;

-- The places of what json_faults refuses; where it alone finds something, what it says.
create or replace function howdah_private.shape_or_faults(schema jsonb, value jsonb, name text, parts text[]) returns jsonb[]
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_said text[] := howdah_private.json_faults(shape_or_faults.schema, shape_or_faults.value);
begin
  if v_said = '{}' then
    return '{}';
  end if;
  return coalesce(nullif(howdah_private.shape_faults(shape_or_faults.schema, value, name, shape_or_faults.parts), '{}'), array(
    select howdah_private.system_fault(howdah_private.json_pointer(variadic shape_or_faults.parts), s.one) from unnest(v_said) as s (one)));
end $$;
