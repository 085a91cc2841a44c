-- Returns the faulty fields of one input part, each with the reason. Returns no row for a valid
-- part.
create or replace function howdah_private.part_fault(part jsonb)
  returns table (field text, reason text)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  with part as (
    select part_fault.part as part,
      case jsonb_typeof(part_fault.part) when 'object' then part_fault.part ->> 'type' end as type
  ),
  texts as (
    select w.field, w.pattern, w.reason, p.part #> string_to_array(w.field, '.') as value
    from part as p
    join (values
      ('text', 'text', '', 'must be a string'),
      ('image_url', 'image_url.url', '^(https://|data:image/)',
        'must begin with https:// or data:image/'),
      ('file', 'file.filename', '\S', 'must be a file name'),
      ('file', 'file.file_data', '^data:', 'must be the content of the file as a data: URL'),
      ('input_audio', 'input_audio.data', '\S', 'must be base64-encoded audio'),
      ('input_audio', 'input_audio.format', '\S', 'must be an audio format, such as wav or mp3'),
      ('resource', 'resource_id', '^[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}$',
        'must be the id of a resource')
    ) as w (type, field, pattern, reason) on w.type = p.type
  )
  select 'type', 'must be text, image_url, file, input_audio or resource' from part as p
  where coalesce(p.type not in ('text', 'image_url', 'file', 'input_audio', 'resource'), true)
  union all
  select t.field, t.reason from texts as t
  where jsonb_typeof(t.value) is distinct from 'string' or t.value #>> '{}' !~ t.pattern
$$;

-- Refuses input parts that cannot be sent to any model, when the run is inserted. The error names
-- the index and field of the first faulty part.
create or replace function howdah_private.check_parts(tenant uuid, parts jsonb) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_fault record;
begin
  if jsonb_typeof(check_parts.parts) <> 'array' or jsonb_array_length(check_parts.parts) > 100
    or octet_length(check_parts.parts::text) > 8388608 then
    raise exception using errcode = 'HWINV',
      message = 'input_parts must be a list of at most 100 parts and 8 MB',
      detail = jsonb_build_object('field', 'input_parts')::text,
      hint = 'Store a large file in howdah.resources and refer to it: '
        '[{"type": "resource", "resource_id": "…"}].';
  end if;
  select p.place - 1 as index, f.field, f.reason into v_fault
  from jsonb_array_elements(check_parts.parts) with ordinality as p (part, place)
  cross join lateral howdah_private.part_fault(p.part) as f
  order by p.place limit 1;
  if found then
    raise exception using errcode = 'HWINV',
      message = format('input_parts[%s].%s %s', v_fault.index, v_fault.field, v_fault.reason),
      detail = jsonb_build_object(
        'field', format('input_parts[%s].%s', v_fault.index, v_fault.field)
      )::text,
      hint = 'Parts follow the OpenAI format: '
        '{"type": "image_url", "image_url": {"url": "https://…"}}, '
        'or {"type": "resource", "resource_id": "…"}.';
  end if;
  select p.place - 1 as index, p.part ->> 'resource_id' as id into v_fault
  from jsonb_array_elements(check_parts.parts) with ordinality as p (part, place)
  where p.part ->> 'type' = 'resource' and not exists (
    select from howdah.resources as r
    where r.id = case p.part ->> 'type' when 'resource' then (p.part ->> 'resource_id')::uuid end
      and r.tenant_id = check_parts.tenant
  )
  order by p.place limit 1;
  if found then
    raise exception using errcode = 'HWNTF',
      message = format('input_parts[%s].resource_id: there is no resource %s',
        v_fault.index, v_fault.id),
      detail = jsonb_build_object('field', format('input_parts[%s].resource_id', v_fault.index),
        'resource_id', v_fault.id)::text,
      hint = 'See howdah.resources for the resources that exist.';
  end if;
end $$;
