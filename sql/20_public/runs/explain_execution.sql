-- Explains why a run makes no progress: what the run waits for, what blocks it, and what can be
-- done.
create or replace function howdah.explain_execution(id uuid) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution howdah.executions := howdah_private.execution_row(explain_execution.id);
begin
  if v_execution.id is null then
    raise exception using errcode = 'HWNTF',
      message = format('there is no execution %s', coalesce(explain_execution.id::text, 'null')),
      detail = jsonb_build_object('execution_id', explain_execution.id)::text,
      hint = 'See howdah.executions for the runs that exist.';
  end if;
  return jsonb_build_object('execution_id', v_execution.id, 'status', v_execution.status,
    'since', coalesce(v_execution.completed_at, v_execution.updated_at))
      || howdah_private.explanation(v_execution);
end $$;
comment on function howdah.explain_execution(uuid) is
  'Explains the current state of a run: {execution_id, status, since, reason, summary, '
  'blocked_by, next}. next lists the possible actions and their targets.';
