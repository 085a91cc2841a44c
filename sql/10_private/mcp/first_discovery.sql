-- Checks whether a run has to wait for the first discovery of an MCP server. A run that begins
-- earlier would have none of the server's tools: its version was made without them. The owner of
-- the run calls this function before the first step. `waits_ms`: park the run for this time and
-- call again. 0 means that the run now has the version with the tools and is to be claimed with
-- that. `missing`: the servers that failed or have not answered within a minute; the run goes on
-- without them. `consent`: an account that a person has to connect before the tools of a server can
-- be listed. Null: there is nothing to wait for.
--
-- The answer of a server wakes the runs that wait (wake_for_discovery). It may arrive between this
-- check and the park, so one wait is at most five seconds long. A version that a caller chose, for
-- a fork or an experiment, is never replaced. A version is replaced only if it was the newest when
-- the run, or the root above it, began.
create or replace function howdah_private.first_discovery(worker uuid, id uuid, fence int)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions;
  v_pinned howdah.agent_versions;
  v_missing jsonb;
  v_is_pending boolean;
  v_discovered_at timestamptz;
  v_wait interval;
  v_version_id uuid;
  v_consent jsonb;
begin
  select h.* into v_run
  from howdah.executions as e cross join lateral howdah_private.with_head(e) as h
  where e.id = first_discovery.id and e.owner_worker = first_discovery.worker
    and e.fence = first_discovery.fence and h.model_count = 0
    and not exists ( -- steps besides questions for accounts, and their answers
      select from howdah.steps as s
      where s.execution_id = e.id
        and (s.kind not in ('question', 'answer') or s.call_id is not null));
  if not found then
    return null;
  end if;
  select v.* into v_pinned from howdah.agent_versions as v where v.id = v_run.agent_version_id;
  v_consent := howdah_private.consent_for_discovery(v_run, v_pinned);
  if v_consent is not null then
    return jsonb_build_object('consent', v_consent);
  end if;
  select to_jsonb(array_agg(jsonb_build_object('server', s.name, 'error', s.error) order by s.name)
      filter (where s.discovered_at is null)),
    bool_or(s.discovered_at is null
      and (s.error is null or (a.account).connected_at > s.failed_at)),
    max(s.discovered_at), greatest(v_run.started_at, max((a.account).connected_at))
      + interval '1 minute' - clock_timestamp()
  into v_missing, v_is_pending, v_discovered_at, v_wait
  from jsonb_array_elements(v_pinned.definition -> 'servers') as p (value)
  join howdah.mcp_servers as s on s.tenant_id = v_run.tenant_id and s.id = (p.value ->> 'id')::uuid
    and s.is_active
  left join howdah_private.accounts_for_servers(v_run, v_pinned) as a
    on a.server_id = s.id and (a.account).status = 'connected';
  if v_is_pending and v_wait > interval '0' then
    return jsonb_build_object('waits_ms',
      ceil(extract(epoch from least(v_wait, interval '5 seconds')) * 1000));
  end if;
  if v_discovered_at > v_pinned.created_at then
    v_version_id := howdah_private.replacement_version(v_run, v_pinned);
    update howdah.executions as e set agent_version_id = v_version_id, updated_at = now()
    where e.id = v_run.id and e.owner_worker = v_run.owner_worker and e.fence = v_run.fence
      and e.agent_version_id <> v_version_id; -- its owner waits for this call before the first step
    if found then
      return '{"waits_ms": 0}';
    end if;
  end if;
  return case when v_missing is not null then jsonb_build_object('missing', v_missing) end;
end $$;

-- Returns the servers of a run whose tools are not known yet and need an account of a person: that
-- of the user of the run, or that of the tenant. The account is null if there is no row yet.
create or replace function howdah_private.accounts_for_servers(
  run howdah.executions, pinned howdah.agent_versions
) returns table (
    server_id uuid, server text, integration howdah.integrations, account howdah.connected_accounts
  )
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select s.id, s.name, c, a
  from jsonb_array_elements(pinned.definition -> 'servers') as p (value)
  join howdah.mcp_servers as s on s.tenant_id = run.tenant_id and s.id = (p.value ->> 'id')::uuid
    and s.is_active and s.discovered_at is null
  join howdah.integrations as c on c.tenant_id = run.tenant_id and c.is_active
    and c.name = s.configuration ->> 'integration' and c.grant_type = 'authorization_code'
    and (c.account_scope = 'tenant' or run.user_id is not null)
  left join howdah.connected_accounts as a on a.tenant_id = c.tenant_id
    and a.integration_id = c.id
    and a.user_id is not distinct from case c.account_scope when 'user' then run.user_id end
$$;

-- Returns the first account that a person has to connect so that the run gets the tools of a
-- server, with a link. `link` is null if the address of the API is not known. An account that
-- somebody declined, or that nobody connected in time, is not asked for again.
create or replace function howdah_private.consent_for_discovery(
  run howdah.executions, pinned howdah.agent_versions
) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_server record;
  v_account howdah.connected_accounts;
  v_question howdah.questions;
  v_link text;
begin
  for v_server in
    select s.* from howdah_private.accounts_for_servers(run, pinned) as s order by s.server
  loop
    v_account := v_server.account;
    continue when v_account.status = 'connected';
    v_question := null;
    select q.* into v_question from howdah.questions as q
    where q.execution_id = run.id and q.schema ->> 'x-connected-account' = v_account.id::text
    order by q.id desc limit 1;
    continue when v_question.id is not null and v_question.status <> 'open'
      and v_question.answer is distinct from 'accept';
    v_account := howdah_private.account_of(v_server.integration,
      case (v_server.integration).account_scope when 'user' then run.user_id end);
    begin
      v_link := howdah_private.consent_link(v_account.id);
    exception when sqlstate 'HWCNF' then
      v_link := null;
    end;
    return jsonb_build_object('account_id', v_account.id,
      'integration', (v_server.integration).name, 'reason', v_account.error, 'link', v_link,
      'is_asked', coalesce(v_question.status = 'open', false),
      'user', (select u.username from howdah.users as u where u.id = v_account.user_id));
  end loop;
  return null;
end $$;

-- Returns the version that may replace the one a run pinned, or null when a caller chose the pinned
-- version.
create or replace function howdah_private.replacement_version(
  run howdah.executions, pinned howdah.agent_versions
) returns uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent howdah.agents;
begin
  if num_nonnulls(run.forked_from_execution_id, run.compensates_execution_id) > 0
    or run.handoffs > 0
    or exists (
      select from howdah.agent_versions as v
      join howdah.executions as r on r.id = run.root_execution_id
      where v.agent_id = run.agent_id and v.version > pinned.version
        and v.created_at <= r.created_at
  ) then
    return null;
  end if;
  select a.* into v_agent from howdah.agents as a where a.id = run.agent_id;
  return case when v_agent.version_is_stale then howdah_private.refresh_agent_version(run.agent_id)
    else v_agent.current_version_id end;
end $$;

-- Wakes the runs that wait for a server, which has answered for the first time or failed. Skips
-- locked runs: the session that holds one checks by itself.
create or replace function howdah_private.wake_for_discovery(tenant_id uuid, server_id uuid)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_waiting uuid[] := array(
    select e.id::uuid from howdah.executions as e
    join howdah.agent_versions as v on v.id = e.agent_version_id
    where e.tenant_id = wake_for_discovery.tenant_id and e.status = 'waiting'
      and e.waiting_for = 'timer' and e.model_count = 0
      and v.definition -> 'servers' @> jsonb_build_array(
        jsonb_build_object('id', wake_for_discovery.server_id))
    order by e.id for no key update of e skip locked
  );
begin
  update howdah.executions as e set wake_at = clock_timestamp(), updated_at = now()
  where e.id = any (v_waiting);
  perform howdah_private.enqueue_advance(v_waiting);
end $$;
