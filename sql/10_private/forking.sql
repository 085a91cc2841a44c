-- The version a fork runs on: the original's, or the one named.
create or replace function howdah_private.forked_version(e howdah.executions, version int) returns uuid
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid := e.agent_version_id;
begin
  if forked_version.version is not null then
    select v.id into v_id from howdah.agent_versions as v
    where v.agent_id = e.agent_id and v.version = forked_version.version;
    if not found then
      raise exception using errcode = 'HWNTF',
        message = format('the agent has no version %s', forked_version.version),
        detail = jsonb_build_object('field', 'version', 'agent_id', e.agent_id)::text,
        hint = 'Those there are stand in howdah.agent_versions; without a version it is the one of the run.';
    end if;
  end if;
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
  if octet_length(refuse_fork.input) > 1048576 then
    raise exception using errcode = 'HWINV',
      message = format('input has %s bytes, at most 1048576 are allowed', octet_length(refuse_fork.input)),
      detail = jsonb_build_object('field', 'input')::text,
      hint = 'Give a large text to the agent by a tool that reads it piece by piece.';
  end if;
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
