-- Tracks the taint of a run: its trust is the lowest trust level of everything it has read. Each
-- source lowers the level in the statement that delivers it, and the level never rises:
--
--   message 1        executions.input_trust: the level of the parent for a child run, else the
--                    level that the inserter of the run gives its input
--   a tool's result  the level that the worker reports, else external (commit_steps); builtin_trust
--                    for tools of this schema
--   a model's answer the level that the worker reports: external from an engine over a network, and
--                    with what a vendor searched for the answer (commit_steps)
--   a child's end    the level of the child, and at most internal, since a model wrote it
--                    (report_child_ends)
--   a person         user; an answer through a tool in SQL has the trust of the run of that tool
--                    (bound_trust)
--   files            the level of the run that wrote them; uploaded files are external
--   a given history  user, internal for models, external for tools and links (history_trust): the
--                    client provides it and its authors are unknown
--   pinned memories  the lowest level of those in the prompt (trust_of_run_memories)
--   earlier turns    the lowest level of the turns that are read (inherited_trust)
--
-- What a run writes for others has the trust that the run has now, so mail, boards, todos and files
-- store no level. A deleted run counts as external. Other words of the run itself come from a model
-- and lower nothing.
--
-- The level of a run at work is that of its head (fold_run_head.sql). Its row may still have a
-- higher one.

-- Returns the level of everything that a run reads before its first step, except the text of its
-- input.
create or replace function howdah_private.inherited_trust(e howdah.executions) returns howdah.trust
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select greatest(
    howdah_private.parts_trust(e.tenant_id, e.input_parts),
    howdah_private.history_trust(e.history),
    case when e.turn > 1 and coalesce((
      select (v.definition #>> '{agent,use_history}')::boolean from howdah.agent_versions as v
      where v.id = e.agent_version_id
    ), true) then (
      select max(coalesce(h.trust, t.trust)) from howdah.executions as t
      left join howdah_private.run_heads as h on h.execution_id = t.id
      where t.tenant_id = e.tenant_id and t.session_id = e.session_id and t.turn < e.turn
        -- a forked session continues from that history
        and (t.completed_at is not null or (t.turn = 1 and t.history is not null))
    ) end,
    case when e.overrides -> 'ephemeral' = 'false' then (
      select max(c.trust) from (
        select e.root_execution_id
        union all
        select s.id from howdah.executions as o
        join howdah.executions as s on s.tenant_id = o.tenant_id and s.session_id = o.session_id
        where o.id = e.root_execution_id and s.turn < o.turn and s.completed_at is not null
      ) as r (id)
      join howdah.executions as c on c.root_execution_id = r.id
        and c.parent_execution_id is not null
      where c.tenant_id = e.tenant_id and c.completed_at <= e.created_at
        and c.overrides -> 'ephemeral' = 'false'
    ) end)
$$;

-- Returns the level of a conversation that the client keeps and sends.
create or replace function howdah_private.history_trust(history jsonb) returns howdah.trust
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select max(case when m.message ->> 'role' = 'tool'
    or jsonb_path_exists(m.message, '$.parts[*].image_url.url ? (!(@ starts with "data:"))')
    then 'external' when m.message ->> 'role' = 'assistant' then 'internal'
    else 'user' end::howdah.trust)
  from jsonb_array_elements(history_trust.history) as m (message)
$$;

-- Returns a given history as models see it: results of tools are marked external, as in a log.
create or replace function howdah_private.history_json(history jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(m.message
    || case m.message ->> 'role' when 'tool' then '{"trust": "external"}' else '{}' end::jsonb
    order by m.place)), '[]')
  from jsonb_array_elements(history_json.history) with ordinality as m (message, place)
$$;

-- Returns the level of input parts. Files have their own level and links are external. Text and
-- data inside the message have the level of its author.
create or replace function howdah_private.parts_trust(tenant_id uuid, parts jsonb)
  returns howdah.trust
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select max(case when p.part ->> 'type' = 'resource'
      then howdah_private.resource_trust(parts_trust.tenant_id,
        howdah_private.parse_id(p.part ->> 'resource_id'))
    when p.part ->> 'type' = 'image_url'
      and p.part #>> '{image_url,url}' !~ '^data:' then 'external' end)
  from jsonb_array_elements(
    case jsonb_typeof(parts_trust.parts) when 'array' then parts_trust.parts else '[]' end
  ) as p (part)
$$;

-- Returns the level of a file. An uploaded file may contain anything, so it is external.
create or replace function howdah_private.resource_trust(tenant_id uuid, id uuid)
  returns howdah.trust
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce((
    select greatest('internal', coalesce(h.trust, e.trust),
      case when r.metadata ->> 'trust' = 'external' then 'external'::howdah.trust end)
    from howdah.resources as r
    join howdah.executions as e
      on e.id = howdah_private.parse_id(r.metadata ->> 'written_by_execution_id')
        and e.tenant_id = r.tenant_id
    left join howdah_private.run_heads as h on h.execution_id = e.id
    where r.id = resource_trust.id and r.tenant_id = resource_trust.tenant_id
  ), 'external')
$$;

-- Returns the lowest level of some runs. A deleted run counts as external, since what it had read
-- is unknown.
create or replace function howdah_private.trust_of_runs(tenant_id uuid, ids uuid[])
  returns howdah.trust
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select max(greatest('internal', coalesce(h.trust, e.trust, 'external')))
  from unnest(trust_of_runs.ids) as i (id)
  left join howdah.executions as e on e.id = i.id and e.tenant_id = trust_of_runs.tenant_id
  left join howdah_private.run_heads as h on h.execution_id = e.id
$$;

-- Returns the level of the first steps of a log, which a fork of the run has read.
create or replace function howdah_private.trust_of_log(e howdah.executions, up_to int)
  returns howdah.trust
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  -- a history that was copied from other runs does not record their levels
  select greatest(e.input_trust, case when e.history is not null then e.trust end, (
    -- a summary may cover turns that are not copied
    select max(case when m.covers_to_seq is not null then e.trust when m.role <> 'assistant'
      or m.trust = 'external' then m.trust end)
    from howdah.messages as m
    where m.execution_id = e.id and coalesce(m.step_seq, 0) <= trust_of_log.up_to
  ), (
    select max(case s.kind when 'child'
      then coalesce(s.output ->> 'trust', 'external')::howdah.trust else 'external' end)
    from howdah.steps as s
    where s.execution_id = e.id and s.seq <= trust_of_log.up_to
      and (s.kind = 'child' or (s.kind = 'tool' and s.call_id = 'query'
        and e.workflow_id is not null))
  ))
$$;

-- Returns the level of the result of a tool of this schema. The worker calls this function in the
-- transaction of the call, after it, so that writes of the call are visible. Tools without an entry
-- here are external.
create or replace function howdah_private.builtin_trust(execution_id uuid, tool text, value jsonb)
  returns howdah.trust
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
    when 'load_skill' then 'system' -- like the instructions of the agent
    when 'send_message' then 'system'
    when 'write_resource' then 'system'
    when 'discover_agents' then 'internal'
    when 'receive' then coalesce((
      select max((m.mail ->> 'trust')::howdah.trust)
      from jsonb_array_elements(value -> 'mail') as m (mail)), 'system')
    when 'todo' then ( -- any run of the tree or the session may have written it
      select max(greatest('internal', coalesce(h.trust, w.trust))) from (
        select e.id, e.trust from howdah.executions as e where e.id = v_run.root_execution_id
        union all
        select e.id, e.trust from howdah.executions as e
        where e.root_execution_id = v_run.root_execution_id and e.parent_execution_id is not null
          and e.tenant_id = v_run.tenant_id
        union all
        select e.id, e.trust from howdah.executions as e
        where e.session_id = v_run.session_id and e.tenant_id = v_run.tenant_id
      ) as w
      left join howdah_private.run_heads as h on h.execution_id = w.id)
    when 'board_write' then case when value -> 'written' = 'true' then 'system'
      else howdah_private.board_trust(v_run.tenant_id, v_run.root_execution_id, value ->> 'key') end
    when 'board_read' then coalesce(
      howdah_private.board_trust(v_run.tenant_id, v_run.root_execution_id,
        value ->> 'key'), 'system')
    when 'read_resource' then howdah_private.resource_trust(v_run.tenant_id,
      howdah_private.parse_id(value ->> 'id'))
    when 'knowledge_search' then howdah_private.trust_of_chunks(v_run.tenant_id, value)
    when 'recall' then howdah_private.trust_of_memories(v_run.tenant_id, value)
    when 'remember' then 'system'
    when 'search_messages' then coalesce(howdah_private.trust_of_runs(v_run.tenant_id, array(
      select (m.found ->> 'execution_id')::uuid
      from jsonb_array_elements(value -> 'messages') as m (found))), 'system')
    else 'external' end;
end $$;

-- Returns the level of an entry of the board; without a key, the level of all entries, because runs
-- chose the keys.
create or replace function howdah_private.board_trust(tenant_id uuid, root_id uuid, key text)
  returns howdah.trust
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.trust_of_runs(board_trust.tenant_id,
    array_agg(distinct b.written_by_execution_id))
  from howdah.board_entries as b
  where b.tenant_id = board_trust.tenant_id and b.root_execution_id = board_trust.root_id
    and (board_trust.key is null or b.key = board_trust.key)
$$;
