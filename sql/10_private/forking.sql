-- The version a fork runs on: the one the original had there, or the one named of the same agent. A run that was handed over
-- may have had another agent there, which whoever forks it has to be allowed to run as well.
create or replace function howdah_private.forked_version(e howdah.executions, seq int, version int) returns uuid
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid := case when e.workflow_id is null then howdah_private.version_after(e.id, forked_version.seq)
    else e.workflow_version_id end;
  v_agent_id uuid := (select v.agent_id from howdah.agent_versions as v where v.id = v_id);
begin
  perform howdah_private.permit_agent(v_agent_id, 'run');
  if forked_version.version is not null then
    select x.id into v_id from (
      select v.id from howdah.agent_versions as v where v.agent_id = v_agent_id and v.version = forked_version.version
      union all
      select v.id from howdah.workflow_versions as v
      where v.workflow_id = e.workflow_id and v.version = forked_version.version
    ) as x;
    if not found then
      raise exception using errcode = 'HWNTF',
        message = format('the %s has no version %s', case when e.workflow_id is null then 'agent' else 'workflow' end,
          forked_version.version),
        detail = jsonb_build_object('field', 'version', 'agent_id', v_agent_id, 'workflow_id', e.workflow_id)::text,
        hint = case when e.workflow_id is null then 'Those there are stand in howdah.agent_versions; without a version it is the one of the run.'
          else 'Those there are stand in howdah.workflow_versions; without a version it is the one of the run.' end;
    end if;
  end if;
  perform howdah_private.permit_version(v_id);
  return v_id;
end $$;

-- Why a run cannot be forked there, or with that. What is only there to take another run's effects back has nothing to
-- go on with.
create or replace function howdah_private.refuse_fork(e howdah.executions, seq int, input text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.refuse_erased(e);
  if e.compensates_execution_id is not null then
    raise exception using errcode = 'HWCNF',
      message = format('execution %s takes back what %s did, so it cannot be forked', e.id, e.compensates_execution_id),
      detail = jsonb_build_object('execution_id', e.id, 'compensates_execution_id', e.compensates_execution_id)::text,
      hint = format('Fork the run itself, %s.', e.compensates_execution_id);
  end if;
  if refuse_fork.seq not between 0 and e.step_count then
    raise exception using errcode = 'HWINV',
      message = format('execution %s has %s steps, so it cannot be forked after step %s',
        e.id, e.step_count, refuse_fork.seq),
      detail = jsonb_build_object('field', 'seq', 'steps', e.step_count)::text,
      hint = format('Name a seq from 0 to %s; the steps stand in howdah.execution_timeline.', e.step_count);
  end if;
  if e.workflow_id is not null and refuse_fork.seq > 0 and refuse_fork.input is not null then
    raise exception using errcode = 'HWINV',
      message = 'a workflow has no conversation that could go on with another input',
      detail = jsonb_build_object('field', 'input', 'execution_id', e.id)::text,
      hint = 'Leave input out; or begin anew with it, at seq 0.';
  end if;
  perform howdah_private.refuse_large_input('input', octet_length(refuse_fork.input), howdah_private.most_input(e.tenant_id))
  where octet_length(refuse_fork.input) > 1024;
end $$;

-- Copies the first steps of a log with their messages; gives how many messages there are. At 0 the new run
-- opens with a first message of its own. Output and error steps end a run, so a fork behind them leaves them out
-- by what it means, not by what it copies: they are part of what was.
create or replace function howdah_private.copy_log(original uuid, copy uuid, up_to int) returns int
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with copied as (
    insert into howdah.steps (
      execution_id, seq, tenant_id, kind, name, call_id, effect, idempotency_key, input, output, error, model_id,
      started_at, finished_at, worker, annotations
    )
    select copy_log.copy, s.seq, s.tenant_id, s.kind, s.name, s.call_id, s.effect, s.idempotency_key, s.input, s.output,
      s.error, s.model_id, s.started_at, s.finished_at, s.worker, s.annotations
    from howdah.steps as s
    where s.execution_id = copy_log.original and s.seq <= copy_log.up_to
  ),
  told as (
    insert into howdah.messages (
      execution_id, seq, tenant_id, step_seq, role, content, parts, tool_calls, tool_call_id, parent_seq,
      covers_from_seq, covers_to_seq, agent_id, trust
    )
    select copy_log.copy, m.seq, m.tenant_id, m.step_seq, m.role, m.content, m.parts, m.tool_calls,
      m.tool_call_id, m.parent_seq, m.covers_from_seq, m.covers_to_seq, m.agent_id, m.trust
    from howdah.messages as m
    where m.execution_id = copy_log.original and copy_log.up_to > 0
      and coalesce(m.step_seq, 0) <= copy_log.up_to
    returning 1
  )
  select count(*)::int from told
$$;
