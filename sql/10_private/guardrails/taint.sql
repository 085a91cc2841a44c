-- How far a run is trusted: as far as the least that it has read. A level is lowered by whatever the run is told, in the
-- statement that tells it, and never rises:
--   message 1        executions.input_trust: of a child its parent's level; else what who inserts the run says of its input
--   a tool's result  what the worker says of it, else external (commit_steps); of tools of this schema builtin_trust says it
--   a child's end    the level of the child, and no higher than internal, since a model wrote it (report_to_parent)
--   a person         user; what a tool in SQL says for him as the run of the tool is trusted (bound_trust)
--   files            as the run that wrote them; what somebody put in is external
--   a given history  user, of models internal, of tools and links external (history_trust): its client tells it, who wrote it nobody knows
--   earlier turns    the lowest level of those that are read (inherited_trust)
-- What a run writes for others is trusted as it is now itself, so nothing of it has to be kept with mail, boards, todos or
-- files: a run that has gone counts as external. A run's own words are those of a model, and lower nothing.

-- What was read before the run began, and by what it was given besides its text.
create or replace function howdah_private.inherited_trust(e howdah.executions) returns howdah.trust
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select greatest(
    howdah_private.parts_trust(e.tenant_id, e.input_parts),
    howdah_private.history_trust(e.history),
    case when e.turn > 1 and coalesce((
      select (v.definition #>> '{agent,use_history}')::boolean from howdah.agent_versions as v where v.id = e.agent_version_id
    ), true) then (
      select max(t.trust) from howdah.executions as t
      where t.tenant_id = e.tenant_id and t.session_id = e.session_id and t.turn < e.turn
        and (t.status = 'completed' or (t.turn = 1 and t.history is not null)) -- of a forked session, which goes on from that
    ) end,
    case when e.overrides -> 'ephemeral' = 'false' then (
      select max(c.trust) from (
        select e.root_execution_id
        union all
        select s.id from howdah.executions as o
        join howdah.executions as s on s.tenant_id = o.tenant_id and s.session_id = o.session_id
        where o.id = e.root_execution_id and s.turn < o.turn and s.status = 'completed'
      ) as r (id)
      join howdah.executions as c on c.root_execution_id = r.id and c.parent_execution_id is not null
      where c.tenant_id = e.tenant_id and c.status = 'completed' and c.completed_at <= e.created_at
        and c.overrides -> 'ephemeral' = 'false'
    ) end)
$$;

-- Of what a client tells of a conversation that it keeps.
create or replace function howdah_private.history_trust(history jsonb) returns howdah.trust
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select max(case when m.message ->> 'role' = 'tool' or jsonb_path_exists(m.message, '$.parts[*].image_url.url ? (!(@ starts with "data:"))')
    then 'external' when m.message ->> 'role' = 'assistant' then 'internal' else 'user' end::howdah.trust)
  from jsonb_array_elements(history_trust.history) as m (message)
$$;

-- It as models are told it: what tools brought is marked, as in a log.
create or replace function howdah_private.history_json(history jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(m.message || case m.message ->> 'role' when 'tool' then '{"trust": "external"}' else '{}' end::jsonb
    order by m.place), '[]')
  from jsonb_array_elements(history_json.history) with ordinality as m (message, place)
$$;

-- Of parts: files as they are trusted, a link as what is behind it. Text and data in the message itself are its writer's.
create or replace function howdah_private.parts_trust(tenant_id uuid, parts jsonb) returns howdah.trust
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select max(case when p.part ->> 'type' = 'resource'
      then howdah_private.resource_trust(parts_trust.tenant_id, howdah_private.parse_id(p.part ->> 'resource_id'))
    when p.part ->> 'type' = 'image_url' and p.part #>> '{image_url,url}' !~ '^data:' then 'external' end)
  from jsonb_array_elements(case jsonb_typeof(parts_trust.parts) when 'array' then parts_trust.parts else '[]' end) as p (part)
$$;

-- What somebody else put in may say anything, whoever uploads it.
create or replace function howdah_private.resource_trust(tenant_id uuid, id uuid) returns howdah.trust
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce((
    select greatest('internal', e.trust, case when r.metadata ->> 'trust' = 'external' then 'external'::howdah.trust end)
    from howdah.resources as r
    join howdah.executions as e on e.id = howdah_private.parse_id(r.metadata ->> 'written_by_execution_id') and e.tenant_id = r.tenant_id
    where r.id = resource_trust.id and r.tenant_id = resource_trust.tenant_id
  ), 'external')
$$;

-- The lowest level of runs; of one that is gone nobody knows what it had read.
create or replace function howdah_private.trust_of_runs(tenant_id uuid, ids uuid[]) returns howdah.trust
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select max(greatest('internal', coalesce(e.trust, 'external')))
  from unnest(trust_of_runs.ids) as i (id)
  left join howdah.executions as e on e.id = i.id and e.tenant_id = trust_of_runs.tenant_id
$$;

-- Of the first steps of a log: what a fork of it has read.
create or replace function howdah_private.trust_of_log(e howdah.executions, up_to int) returns howdah.trust
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  -- a history that was taken from other runs does not tell how these were trusted
  select greatest(e.input_trust, case when e.history is not null then e.trust end, (
    -- what a summary stands for may be of turns that are not copied
    select max(case when m.covers_to_seq is not null then e.trust when m.role <> 'assistant' or m.trust = 'external' then m.trust end)
    from howdah.messages as m
    where m.execution_id = e.id and coalesce(m.step_seq, 0) <= trust_of_log.up_to
  ), (
    select max(case s.kind when 'child' then coalesce(s.output ->> 'trust', 'external')::howdah.trust else 'external' end)
    from howdah.steps as s
    where s.execution_id = e.id and s.seq <= trust_of_log.up_to
      and (s.kind = 'child' or (s.kind = 'tool' and s.call_id = 'query' and e.workflow_id is not null))
  ))
$$;

-- Of what a tool of this schema gave: called by the worker in the transaction of the call, behind it, so that what the call
-- wrote is seen. A tool that is not named here gives what is external.
create or replace function howdah_private.builtin_trust(execution_id uuid, tool text, value jsonb) returns howdah.trust
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run record;
begin
  select e.id::uuid as id, e.tenant_id, e.root_execution_id, r.session_id into v_run
  from howdah.executions as e join howdah.executions as r on r.id = e.root_execution_id
  where e.id = builtin_trust.execution_id;
  return case builtin_trust.tool
    when 'now' then 'system'
    when 'load_skill' then 'system' -- as the agent's instructions are
    when 'send_message' then 'system'
    when 'write_resource' then 'system'
    when 'discover_agents' then 'internal'
    when 'receive' then coalesce((
      select max((m.mail ->> 'trust')::howdah.trust) from jsonb_array_elements(value -> 'mail') as m (mail)), 'system')
    when 'todo' then ( -- whoever may have written it
      select max(greatest('internal', w.trust)) from (
        select e.trust from howdah.executions as e where e.id = v_run.root_execution_id
        union all
        select e.trust from howdah.executions as e
        where e.root_execution_id = v_run.root_execution_id and e.parent_execution_id is not null and e.tenant_id = v_run.tenant_id
        union all
        select e.trust from howdah.executions as e where e.session_id = v_run.session_id and e.tenant_id = v_run.tenant_id
      ) as w)
    when 'board_write' then case when value -> 'written' = 'true' then 'system'
      else howdah_private.board_trust(v_run.tenant_id, v_run.root_execution_id, value ->> 'key') end
    when 'board_read' then coalesce(
      howdah_private.board_trust(v_run.tenant_id, v_run.root_execution_id, value ->> 'key'), 'system')
    when 'read_resource' then howdah_private.resource_trust(v_run.tenant_id, howdah_private.parse_id(value ->> 'id'))
    when 'search_messages' then coalesce(howdah_private.trust_of_runs(v_run.tenant_id, array(
      select (m.found ->> 'execution_id')::uuid from jsonb_array_elements(value -> 'messages') as m (found))), 'system')
    else 'external' end;
end $$;

-- Without a key of all its keys, which runs have named.
create or replace function howdah_private.board_trust(tenant_id uuid, root_id uuid, key text) returns howdah.trust
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.trust_of_runs(board_trust.tenant_id, array_agg(distinct b.written_by_execution_id))
  from howdah.board_entries as b
  where b.tenant_id = board_trust.tenant_id and b.root_execution_id = board_trust.root_id
    and (board_trust.key is null or b.key = board_trust.key)
$$;
