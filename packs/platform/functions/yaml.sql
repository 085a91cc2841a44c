-- Conversion of JSON to readable YAML, with quotes only where they are needed. The type is json,
-- because jsonb would reorder the keys.

create function platform.yaml_scalar(value json) returns text
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when json_typeof(value) <> 'string' then value::text
    when value #>> '{}' ~ '^[A-Za-z/][A-Za-z0-9 ._/@-]*$' and value #>> '{}' !~ ' $'
      and lower(value #>> '{}') not in ('true', 'false', 'yes', 'no', 'on', 'off', 'null', 'y', 'n') then value #>> '{}'
    else value::text end
$$;

create function platform.as_yaml(value json, indent int default 0) returns text
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_pad text := repeat(' ', indent);
begin
  if json_typeof(value) = 'object' and value::text !~ '^\s*\{\s*\}\s*$' then
    return (
      select string_agg(v_pad || platform.yaml_scalar(to_json(e.key)) || ':' || case
        when json_typeof(e.value) in ('object', 'array') and e.value::text !~ '^\s*(\{\s*\}|\[\s*\])\s*$'
          then E'\n' || platform.as_yaml(e.value, indent + 2)
        else ' ' || platform.yaml_scalar(e.value) end, E'\n' order by e.place)
      from json_each(value) with ordinality as e (key, value, place));
  elsif json_typeof(value) = 'array' and value::text !~ '^\s*\[\s*\]\s*$' then
    return (
      select string_agg(v_pad || '- ' || ltrim(platform.as_yaml(e.value, indent + 2), ' '), E'\n' order by e.place)
      from json_array_elements(value) with ordinality as e (value, place));
  end if;
  return v_pad || platform.yaml_scalar(value);
end $$;
