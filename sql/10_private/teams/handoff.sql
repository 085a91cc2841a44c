-- A run is handed over: from this commit on another agent goes on with the same run. What the run is stays; agent_id and
-- agent_version_id say who has it now, and its steps of kind `handoff` who had it before.

-- The version of an agent that a run below this root works with: the one it had when the root began, or its first; but for what
-- admins have said since, as for children (executions.sql).
create or replace function howdah_private.version_at(agent_id uuid, root_execution_id uuid) returns uuid
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.version_or_current(coalesce((
    select v.id from howdah.agent_versions as v join howdah.executions as r on r.id = version_at.root_execution_id
    where v.agent_id = version_at.agent_id and v.created_at <= r.created_at
    order by v.version desc limit 1
  ), (
    select v.id from howdah.agent_versions as v where v.agent_id = version_at.agent_id order by v.version limit 1
  )), (select a.current_version_id from howdah.agents as a where a.id = version_at.agent_id))
$$;

-- What the step says besides the reason: who had the run, and who has it now. It is read where the step is written, so
-- that it is the log that says which version goes on.
create or replace function howdah_private.handoff_record(execution_id uuid, output jsonb) returns jsonb
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

create or replace function howdah_private.version_json(version_id uuid) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('agent_id', v.agent_id, 'agent', v.definition #>> '{agent,name}',
    'agent_version_id', v.id, 'version', v.version)
  from howdah.agent_versions as v where v.id = version_json.version_id
$$;

-- The row follows its log; a commit that was sent twice finds it so. What was used counts on: limits of the new agent that
-- are narrower than what is left hold from now on, and no handoff gives a run more than it had. Of how it differs from its
-- version only the mission was the other agent's own. The session goes on with whoever has the run, unless somebody has
-- given it to another agent meanwhile.
create or replace function howdah_private.apply_handoff(run howdah.executions, output jsonb) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_from uuid := output #>> '{from,agent_id}';
  v_to uuid := output #>> '{to,agent_id}';
begin
  update howdah.executions as e
  set agent_id = v.agent_id, agent_version_id = v.id, handoffs = e.handoffs + 1,
    overrides = nullif(e.overrides - 'mission_override', '{}'),
    first_limits = coalesce(e.first_limits, jsonb_build_object('max_steps', e.max_steps,
      'max_tokens', e.max_tokens, 'max_cost', e.max_cost, 'max_seconds', e.max_seconds)),
    max_steps = least(e.max_steps, e.model_count + (v.definition #>> '{agent,max_steps}')::int),
    max_tokens = least(e.max_tokens, e.tokens_in + e.tokens_out + e.children_tokens_in + e.children_tokens_out
      + (v.definition #>> '{agent,max_tokens}')::bigint),
    max_cost = least(e.max_cost, e.cost + e.children_cost + (v.definition #>> '{agent,max_cost}')::numeric),
    max_seconds = least(e.max_seconds, ceil(e.active_ms / 1000.0)::int + (v.definition #>> '{agent,max_seconds}')::int)
  from howdah.agent_versions as v
  where e.id = run.id and e.completed_at is null and e.agent_version_id = (apply_handoff.output #>> '{from,agent_version_id}')::uuid
    and v.id = (apply_handoff.output #>> '{to,agent_version_id}')::uuid;
  if found and run.session_id is not null and run.parent_execution_id is null then
    update howdah.sessions as s set agent_id = v_to, last_activity_at = now()
    where s.id = run.session_id and s.agent_id = v_from;
  end if;
end $$;

-- Who had the run once its first `seq` steps were written: a fork from there goes on with that version. With the rights of
-- whoever asks, as an export has them.
create or replace function howdah_private.version_after(execution_id uuid, seq int) returns uuid
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case when e.handoffs = 0 then e.agent_version_id else coalesce(
    (select (s.output #>> '{to,agent_version_id}')::uuid from howdah.steps as s
      where s.execution_id = e.id and s.kind = 'handoff' and s.seq <= version_after.seq order by s.seq desc limit 1),
    (select (s.output #>> '{from,agent_version_id}')::uuid from howdah.steps as s
      where s.execution_id = e.id and s.kind = 'handoff' and s.seq > version_after.seq order by s.seq limit 1),
    e.agent_version_id) end
  from howdah.executions as e where e.id = version_after.execution_id
$$;

-- So often a run may be handed over: agents that hand it back and forth have to answer then.
create or replace function howdah_private.max_handoffs() returns int
  language sql immutable parallel safe
  return 6;

-- Why a run may not be handed over to this agent; null when it may. Whoever may see the agent that has a run may read all
-- of it, so an agent that is restricted hands nothing over; a run that is nobody's goes to none that is. Asked before each round of calls, as all that holds for
-- them is.
create or replace function howdah_private.handoff_refusal(execution_id uuid, agent_id uuid) returns text
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when a.deleted_at is not null then format('agent %s is deleted', a.name)
    when not a.is_active then format('agent %s is not active', a.name)
    when case when r.user_id is null then a.is_restricted else not howdah_private.user_may_run(r.user_id, a.id) end
      then format('the user of the run may not run agent %s', a.name)
    when o.is_restricted then format('agent %s is for some only, and what was said to it stays with it', o.name)
    when e.agent_id = a.id then format('agent %s has the conversation already', a.name)
    when e.handoffs >= howdah_private.max_handoffs()
      then format('the conversation was handed over %s times in this run; whoever has it now answers', howdah_private.max_handoffs())
  end
  from howdah.agents as a
  join howdah.executions as e on e.id = handoff_refusal.execution_id
  join howdah.agents as o on o.id = e.agent_id
  join howdah.executions as r on r.id = e.root_execution_id
  where a.id = handoff_refusal.agent_id
$$;

-- The agent a run began with.
create or replace function howdah_private.first_agent_of(execution_id uuid) returns uuid
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case when e.handoffs = 0 then e.agent_id else (
    select v.agent_id from howdah.agent_versions as v where v.id = howdah_private.version_after(e.id, 0)
  ) end
  from howdah.executions as e where e.id = first_agent_of.execution_id
$$;
