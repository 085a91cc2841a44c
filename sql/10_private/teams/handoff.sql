-- Hands a run over to another agent, which continues the same run from this commit on. The identity
-- of the run stays. `agent_id` and `agent_version_id` name the agent that has the run now; steps of
-- kind `handoff` record the agents that had it before.

-- Returns the version of an agent that a run in this tree uses: the version at the time the root
-- began, or else the first one. If admins have changed its settings since, returns the current
-- version, as for child runs (executions.sql).
create or replace function howdah_private.version_at(agent_id uuid, root_execution_id uuid)
  returns uuid
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.version_or_current(coalesce((
    select v.id from howdah.agent_versions as v
    join howdah.executions as r on r.id = version_at.root_execution_id
    where v.agent_id = version_at.agent_id and v.created_at <= r.created_at
    order by v.version desc limit 1
  ), (
    select v.id from howdah.agent_versions as v where v.agent_id = version_at.agent_id
    order by v.version limit 1
  )), (select a.current_version_id from howdah.agents as a where a.id = version_at.agent_id))
$$;

-- Returns the output of the handoff step: the agent before, the agent after, and the reason. It is
-- computed where the step is written, so the log decides which version continues the run.
create or replace function howdah_private.handoff_record(execution_id uuid, output jsonb)
  returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'from', howdah_private.version_json(e.agent_version_id),
    'to', howdah_private.version_json(
      howdah_private.version_at((handoff_record.output ->> 'agent_id')::uuid, e.root_execution_id)),
    'reason', handoff_record.output -> 'reason')
  from howdah.executions as e where e.id = handoff_record.execution_id
$$;

-- Returns the agent and the number of a version, for the handoff step.
create or replace function howdah_private.version_json(version_id uuid) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('agent_id', v.agent_id, 'agent', v.definition #>> '{agent,name}',
    'agent_version_id', v.id, 'version', v.version)
  from howdah.agent_versions as v where v.id = version_json.version_id
$$;

-- Updates the row of the run to match its handoff step. A repeated commit changes nothing. Usage
-- keeps counting: a limit of the new agent applies if it is narrower than what is left, and a
-- handoff never extends a run's limits. The overrides stay in the row, for a replay of the steps
-- before (agent_overrides). The session follows to the new agent, unless a user has assigned it to
-- another agent in the meantime. `run` has the counters of its head, and the row may lag.
create or replace function howdah_private.apply_handoff(run howdah.executions, output jsonb)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_from uuid := output #>> '{from,agent_id}';
  v_to uuid := output #>> '{to,agent_id}';
begin
  update howdah.executions as e
  set agent_id = v.agent_id, agent_version_id = v.id, handoffs = e.handoffs + 1,
    first_limits = coalesce(e.first_limits, jsonb_build_object('max_steps', e.max_steps,
      'max_tokens', e.max_tokens, 'max_cost', e.max_cost, 'max_seconds', e.max_seconds)),
    max_steps = least(e.max_steps, run.model_count + (v.definition #>> '{agent,max_steps}')::int),
    max_tokens = least(e.max_tokens,
      run.tokens_in + run.tokens_out + e.children_tokens_in + e.children_tokens_out
      + (v.definition #>> '{agent,max_tokens}')::bigint),
    max_cost = least(e.max_cost,
      run.cost + e.children_cost + (v.definition #>> '{agent,max_cost}')::numeric),
    max_seconds = least(e.max_seconds,
      ceil(e.active_ms / 1000.0)::int + (v.definition #>> '{agent,max_seconds}')::int)
  from howdah.agent_versions as v
  where e.id = run.id and e.completed_at is null
    and e.agent_version_id = (apply_handoff.output #>> '{from,agent_version_id}')::uuid
    and v.id = (apply_handoff.output #>> '{to,agent_version_id}')::uuid;
  if not found then
    return;
  end if;
  perform howdah_private.store_run_memories(array[run.id], true);
  if run.session_id is not null and run.parent_execution_id is null then
    update howdah.sessions as s set agent_id = v_to, last_activity_at = now()
    where s.id = run.session_id and s.agent_id = v_from;
  end if;
end $$;

-- Returns the agent version that had the run after its first `seq` steps. A fork from there
-- continues with this version. Runs with the privileges of the caller, as an export does.
create or replace function howdah_private.version_after(execution_id uuid, seq int) returns uuid
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case when e.handoffs = 0 then e.agent_version_id else coalesce(
    (select (s.output #>> '{to,agent_version_id}')::uuid from howdah.steps as s
      where s.execution_id = e.id and s.kind = 'handoff' and s.seq <= version_after.seq
      order by s.seq desc limit 1),
    (select (s.output #>> '{from,agent_version_id}')::uuid from howdah.steps as s
      where s.execution_id = e.id and s.kind = 'handoff' and s.seq > version_after.seq
      order by s.seq limit 1),
    e.agent_version_id) end
  from howdah.executions as e where e.id = version_after.execution_id
$$;

-- Returns how often a run may be handed over. At the limit, agents that hand a run back and forth
-- have to answer.
create or replace function howdah_private.max_handoffs() returns int
  language sql immutable parallel safe
  return 6;

-- Returns why a run may not be handed over to an agent, or null if it may. A user who may see the
-- agent of a run may read the whole run, so a restricted agent hands nothing over, and a run
-- without a user cannot go to a restricted agent. Checked before each round of tool calls, like the
-- other call rules.
create or replace function howdah_private.handoff_fault(execution_id uuid, agent_id uuid)
  returns text
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when a.deleted_at is not null then format('agent %s is deleted', a.name)
    when not a.is_active then format('agent %s is not active', a.name)
    when case when r.user_id is null then a.is_restricted
      else not howdah_private.user_may_run(r.user_id, a.id) end
      then format('the user of the run may not run agent %s', a.name)
    when o.is_restricted
      then format('access to agent %s is restricted, so its conversation cannot be handed over',
        o.name)
    when e.agent_id = a.id then format('agent %s already has the conversation', a.name)
    when e.handoffs >= howdah_private.max_handoffs()
      then format(
        'maximum number of handoffs of a run (%s) reached; the current agent has to answer',
        howdah_private.max_handoffs())
  end
  from howdah.agents as a
  join howdah.executions as e on e.id = handoff_fault.execution_id
  join howdah.agents as o on o.id = e.agent_id
  join howdah.executions as r on r.id = e.root_execution_id
  where a.id = handoff_fault.agent_id
$$;

-- Returns the agent that a run began with.
create or replace function howdah_private.first_agent_of(execution_id uuid) returns uuid
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case when e.handoffs = 0 then e.agent_id else (
    select v.agent_id from howdah.agent_versions as v
    where v.id = howdah_private.version_after(e.id, 0)
  ) end
  from howdah.executions as e where e.id = first_agent_of.execution_id
$$;
