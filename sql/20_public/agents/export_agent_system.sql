-- Exports an agent system as a document that can be applied; without a name, the objects that
-- belong to no system. References to deleted objects are left out, each with a warning, because a
-- document with such a reference could not be applied.
create or replace function howdah.export_agent_system(name text default null) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_export jsonb := howdah_private.exported_system(export_agent_system.name);
  v_warning text;
begin
  for v_warning in
    select concat_ws(': ', l.one ->> 'path', l.one ->> 'message')
    from jsonb_array_elements(v_export -> 'left_out') with ordinality as l (one, place)
    order by l.place
  loop
    raise warning using message = v_warning;
  end loop;
  return v_export -> 'document';
end $$;
comment on function howdah.export_agent_system(text) is
  'Exports an agent system as JSON, the content of a file. Without a name, exports the objects '
  'that belong to no system, except the agent development and the workflow manager if they are '
  'unedited. Omits references to deleted objects.';
