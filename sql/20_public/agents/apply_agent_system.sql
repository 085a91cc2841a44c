-- Makes the objects of the tenant match an agent system document (docs/files.md). The command line,
-- REST, GraphQL and psql all call this function.
--
-- The call changes everything or nothing, and a second call with the same document changes nothing.
-- A dry run does the same work and rolls it back at the end, so it reports what a real run would
-- do. The result names the system and, for each object, the action and the state before and after.
create or replace function howdah.apply_agent_system(
  document jsonb, source text default null, dry_run boolean default false,
  prune boolean default false
) returns jsonb
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_result jsonb;
begin
  perform howdah_private.permit('agent_systems', 'manage');
  perform howdah_private.check_system_shape(apply_agent_system.document,
    apply_agent_system.source);
  -- serializes applies of a tenant: two at once would not see what the other one claims
  perform pg_advisory_xact_lock(hashtextextended('howdah.systems ' || howdah.current_tenant(), 0));
  begin
    v_result := howdah_private.write_system(apply_agent_system.document,
      coalesce(apply_agent_system.source, jsonb_pretty(apply_agent_system.document)),
      coalesce(apply_agent_system.prune, false));
    if apply_agent_system.dry_run then
      raise exception using errcode = 'triggered_action_exception';
    end if;
  exception when triggered_action_exception then
    null; -- rolled back; v_result still describes the changes
  end;
  return v_result || jsonb_build_object('dry_run', coalesce(apply_agent_system.dry_run, false));
end $$;
comment on function howdah.apply_agent_system(jsonb, text, boolean, boolean) is
  'Applies an agent system document, the content of a file as JSON. Returns {id, name, version, '
  'digest, dry_run, kept: [{kind, name}], objects: [{kind, name, action, before, after, '
  'ownership}]}.';
