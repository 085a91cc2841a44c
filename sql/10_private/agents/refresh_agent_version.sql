-- Writes a new version of an agent if its definition differs from the last one. Called once at
-- commit (deferred trigger), and earlier by an insert of an execution in the same transaction. The
-- lock is FOR NO KEY UPDATE: rows that refer to the agent hold its key lock, and with FOR UPDATE
-- two sessions that both gave it a tool would deadlock.
create or replace function howdah_private.refresh_agent_version(agent_id uuid) returns uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent howdah.agents;
  v_definition jsonb;
  v_digest text;
  v_version_id uuid;
begin
  select * into v_agent from howdah.agents as a where a.id = refresh_agent_version.agent_id
  for no key update;
  if not found then
    return null; -- created and deleted in one transaction
  end if;
  perform howdah_private.write_text_versions_of(v_agent.id);
  v_definition := howdah_private.agent_definition(v_agent.id);
  v_digest := encode(sha256(convert_to(v_definition::text, 'UTF8')), 'hex');
  select v.id into v_version_id from howdah.agent_versions as v
  where v.id = v_agent.current_version_id and v.digest = v_digest;
  if v_version_id is null then
    insert into howdah.agent_versions (tenant_id, agent_id, version, definition, digest, created_by)
    select v_agent.tenant_id, v_agent.id, coalesce(max(v.version), 0) + 1, v_definition, v_digest,
      howdah_private.actor()
    from howdah.agent_versions as v where v.agent_id = v_agent.id
    returning id into v_version_id;
    perform howdah_private.record_needed_code(v) from howdah.agent_versions as v
    where v.id = v_version_id;
  end if;
  update howdah.agents as a
  set current_version_id = v_version_id, version_is_stale = false
  where a.id = v_agent.id
    and (a.version_is_stale or a.current_version_id is distinct from v_version_id);
  return v_version_id;
end $$;
