-- For whoever asks why nothing happens: in one look what a run waits for, what is in its way, and what may be done.
create or replace function howdah.explain_execution(id uuid) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution howdah.executions := howdah_private.execution_row(explain_execution.id);
begin
  if v_execution.id is null then
    raise exception using errcode = 'HWNTF',
      message = format('there is no execution %s', explain_execution.id),
      detail = jsonb_build_object('execution_id', explain_execution.id)::text,
      hint = 'Those there are stand in howdah.executions.';
  end if;
  return jsonb_build_object('execution_id', v_execution.id, 'status', v_execution.status,
    'since', coalesce(v_execution.completed_at, v_execution.updated_at)) || howdah_private.explanation(v_execution);
end $$;
comment on function howdah.explain_execution(uuid) is
  'Why a run is where it is: {execution_id, status, since, reason, summary, blocked_by, next}; next names what may be done, and to what.';
