-- Makes the tenant have what a document describes (docs/files.md): the one door behind the command, REST, GraphQL and psql.
-- Everything or nothing; said again it changes nothing. A dry run is the same, undone at the end, so it finds what the real
-- one would. Gives the system and what was done to each object, with what it was and what it is.
create or replace function howdah.apply_agent_system(
  document jsonb, source text default null, dry_run boolean default false, prune boolean default false
) returns jsonb
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_result jsonb;
begin
  perform howdah_private.permit('agent_systems', 'manage');
  perform howdah_private.refuse_system_shape(apply_agent_system.document, apply_agent_system.source);
  -- who applies waits for who applies: two would each not see what the other takes
  perform pg_advisory_xact_lock(hashtextextended('howdah.systems ' || howdah.current_tenant(), 0));
  begin
    v_result := howdah_private.write_system(apply_agent_system.document,
      coalesce(apply_agent_system.source, jsonb_pretty(apply_agent_system.document)), coalesce(apply_agent_system.prune, false));
    if apply_agent_system.dry_run then
      raise exception using errcode = 'triggered_action_exception';
    end if;
  exception when triggered_action_exception then
    null; -- undone; what it would have done is told
  end;
  return v_result || jsonb_build_object('dry_run', coalesce(apply_agent_system.dry_run, false));
end $$;
comment on function howdah.apply_agent_system(jsonb, text, boolean, boolean) is
  'Applies an agent system, the content of a file as JSON: {id, name, version, digest, dry_run, kept: [{kind, name}], objects: [{kind, name, action, before, after, ownership}]}.';
