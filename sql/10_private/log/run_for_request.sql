-- A run as one document from which the request of a step is rebuilt (src/runtime/replay).

-- Returns whether the history of a run may differ from the messages that the run read: since it
-- began, an earlier turn of its session ended, was retried, erased or deleted, or the caller may
-- not see one. The first turn is deleted before all others.
create or replace function howdah_private.is_history_changed(execution_id uuid) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with run as (
    select e.tenant_id, e.started_at, r.session_id, r.turn
    from howdah.executions as e join howdah.executions as r on r.id = e.root_execution_id
    where e.id = is_history_changed.execution_id and r.turn > 1
      and (e.turn > 1 or e.overrides -> 'ephemeral' = 'false')
      and (e.tenant_id = howdah.current_tenant() or howdah_private.is_operator())
  ),
  earlier as (
    select t.turn, coalesce(t.completed_at is null
      or greatest(t.completed_at, t.contents_erased_at) > r.started_at
      or coalesce(t.agent_id, t.workflow_id) = any (h.ids), false) as is_changed
    from run as r cross join howdah_private.hidden_agents() as h (ids)
    join howdah.executions as t
      on t.tenant_id = r.tenant_id and t.session_id = r.session_id and t.turn < r.turn
  )
  select exists (select from earlier as t where t.is_changed)
    or exists (select from run) and not exists (select from earlier as t where t.turn = 1)
$$;

-- Returns the document of howdah.export_run without the child runs, for requests of its own steps.
-- Refuses a run whose document is so large that reading it would hold up others.
create or replace function howdah_private.run_for_request(id uuid) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_most constant int := 16777216; -- bytes of the document as text
  v_run jsonb := howdah_private.exported_run(run_for_request.id, howdah_private.max_export_depth());
begin
  if v_run is null then
    raise exception using errcode = 'HWNTF',
      message = format('there is no execution %s', coalesce(run_for_request.id::text, 'null')),
      detail = jsonb_build_object('execution_id', run_for_request.id)::text,
      hint = 'See howdah.executions for the runs that exist.';
  elsif octet_length(v_run::text) > v_most then
    raise exception using errcode = 'HWINV',
      message = format('execution %s has %s bytes, and requests are rebuilt up to %s bytes',
        run_for_request.id, octet_length(v_run::text), v_most),
      detail = jsonb_build_object('execution_id', run_for_request.id, 'most', v_most)::text,
      hint = 'Read the messages before the step in howdah.messages.';
  end if;
  return v_run || jsonb_build_object('is_history_changed',
    howdah_private.is_history_changed(run_for_request.id));
end $$;
