-- Returns the text of a small file, for people and reports. Refuses binary content instead of
-- showing it as text.
create or replace function howdah.resource_text(id uuid) returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_resource record;
  v_reason text;
begin
  select r.name, r.type, r.storage_path into v_resource
  from howdah.resources as r where r.id = resource_text.id;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no resource %s', coalesce(resource_text.id::text, 'null')),
      detail = jsonb_build_object('resource_id', resource_text.id)::text,
      hint = 'See howdah.resources for the resources that exist.';
  end if;
  v_reason := case
    when v_resource.storage_path is not null
      then 'its content is stored in a file of the workers, not in the database'
    when not howdah_private.is_text_type(v_resource.type)
      then v_resource.type || ' is not a text type'
  end;
  if v_reason is null then
    begin
      return (select convert_from(r.bytes, 'UTF8') from howdah.resources as r
        where r.id = resource_text.id);
    exception when character_not_in_repertoire or untranslatable_character then
      v_reason := 'its bytes are not UTF-8';
    end;
  end if;
  raise exception using errcode = 'HWINV',
    message = format('resource %L cannot be read as text: %s', v_resource.name, v_reason),
    detail = jsonb_build_object('resource_id', resource_text.id, 'type', v_resource.type)::text,
    hint = 'Only text/*, JSON, XML, YAML and the like in UTF-8 are text. '
      'Read other content from resources.bytes.';
end $$;
comment on function howdah.resource_text(uuid) is
  'Returns the content of a resource as text. The resource must have a text type, be stored in '
  'the database and be valid UTF-8.';
