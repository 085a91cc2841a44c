-- The whole of a system, as a document that can be applied; without a name, of what no system owns. What it still names though it
-- was deleted is left out and told of by a warning: nobody could apply that.
create or replace function howdah.export_agent_system(name text default null) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_export jsonb := howdah_private.exported_system(export_agent_system.name);
  v_lost text;
begin
  for v_lost in
    select concat_ws(': ', l.one ->> 'path', l.one ->> 'message')
    from jsonb_array_elements(v_export -> 'left_out') with ordinality as l (one, place) order by l.place
  loop
    raise warning using message = v_lost;
  end loop;
  return v_export -> 'document';
end $$;
comment on function howdah.export_agent_system(text) is
  'An agent system as the content of a file, in JSON; without a name, what belongs to none.';
