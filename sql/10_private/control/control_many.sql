-- Control of many runs by one call: cancel_executions, pause_executions, resume_executions and
-- retry_executions. A call locks all of its runs once, in the order of locks, and changes them by
-- one pass of statements. A run that cannot be changed is reported, and does not stop the others.
--
-- Which runs can be changed is decided twice. One statement finds the plain cases among all runs.
-- Every other run is checked by the functions of the single commands (control_fault), which raise
-- the error that becomes the row of that run. So both forms have the same errors. The statement
-- need not find every run that can be changed, but may find no run that cannot.
--
-- Plans are generic, since a custom plan would be made anew in each trigger of each row.

-- Refuses a call with too many ids, and a caller who may change nothing.
create or replace function howdah_private.check_many(ids uuid[]) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.permit('executions', 'run');
  if check_many.ids is null or cardinality(check_many.ids) > 10000 then
    raise exception using errcode = 'HWINV',
      message = case when check_many.ids is null then 'ids is missing'
        else format('ids has %s items, more than 10000', cardinality(check_many.ids)) end,
      detail = jsonb_build_object('field', 'ids', 'length', cardinality(check_many.ids),
        'max_length', 10000)::text,
      hint = 'Pass an array of at most 10000 ids, and call again for the rest.';
  end if;
end $$;

-- Reports whether the caller may control the runs of an agent and a user.
create or replace function howdah_private.can_control(agent_id uuid, user_id uuid) returns boolean
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_control_right('execution', null, can_control.agent_id,
    can_control.user_id);
  return true;
exception when sqlstate 'HWDEN' or sqlstate 'HWNTF' then
  return false;
end $$;

-- Returns those of the runs that the caller may control, without duplicates. Asks once for each
-- pair of an agent and a user.
create or replace function howdah_private.controllable_runs(ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_is_operator boolean := howdah_private.is_operator();
  v_tenant_id uuid := howdah.current_tenant();
  v_hidden uuid[] := howdah_private.hidden_agents();
begin
  return array(
    select unnest(g.ids) as id
    from (
      select array_agg(e.id::uuid) as ids, e.user_id,
        coalesce(e.agent_id, e.workflow_id) as agent_id
      from howdah.executions as e
      where e.id = any (controllable_runs.ids) and (v_is_operator or e.tenant_id = v_tenant_id)
        and coalesce(e.agent_id, e.workflow_id) <> all (v_hidden)
      group by coalesce(e.agent_id, e.workflow_id), e.user_id
      offset 0 -- else the planner asks for each row
    ) as g
    where howdah_private.can_control(g.agent_id, g.user_id)
    order by 1
  );
end $$;

-- Locks those of the runs that the caller may control, with their ancestors, and returns them. As
-- lock_for_control, checks before the locks and again after them.
create or replace function howdah_private.lock_many_for_control(ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[] := howdah_private.controllable_runs(lock_many_for_control.ids);
begin
  perform howdah_private.lock_ancestors(v_ids);
  return howdah_private.controllable_runs(v_ids);
end $$;

-- Returns those of the runs that take or await a turn of their session when they continue.
create or replace function howdah_private.runs_without_turn(ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
begin
  return array(select e.id::uuid from howdah.executions as e
    where e.id = any (runs_without_turn.ids) and howdah_private.needs_turn(e) order by e.id);
end $$;

-- Locks those of the runs that the caller may control for resume or retry, and returns them. As
-- lock_to_continue, but for many: first the runs that need no turn, with all runs below them and
-- their heads, then the sessions, then the runs that need a turn.
create or replace function howdah_private.lock_many_to_continue(ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
declare
  v_ids uuid[] := howdah_private.controllable_runs(lock_many_to_continue.ids);
  v_turns uuid[];
  v_others uuid[];
  v_sessions uuid[];
begin
  perform howdah_private.lock_caller();
  loop
    begin
      v_turns := howdah_private.runs_without_turn(v_ids);
      v_others := array(select unnest(v_ids) except select unnest(v_turns));
      perform howdah_private.lock_heads(howdah_private.lock_subtree(v_others))
      where cardinality(v_others) > 0;
      v_sessions := array(
        select distinct e.session_id from howdah.executions as e where e.id = any (v_turns));
      perform from howdah.sessions as s where s.id = any (v_sessions)
      order by s.id for no key update;
      perform howdah_private.lock_ancestors(v_turns) where cardinality(v_turns) > 0;
      v_ids := howdah_private.controllable_runs(v_ids);
      if howdah_private.runs_without_turn(v_ids) = v_turns then
        return v_ids;
      end if;
      raise exception using errcode = 'triggered_action_exception';
    exception when triggered_action_exception then
      v_ids := howdah_private.controllable_runs(lock_many_to_continue.ids);
    end;
  end loop;
end $$;

-- Returns the error of a single command on a run, or null if the run can be changed. The caller has
-- locked the run.
create or replace function howdah_private.control_fault(id uuid, action text) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions;
  v_code text;
  v_message text;
  v_detail text;
  v_hint text;
begin
  v_run := howdah_private.controllable_run(control_fault.id);
  if control_fault.action = 'retry' then
    perform howdah_private.check_retry_right(v_run);
  elsif v_run.completed_at is not null and (control_fault.action <> 'cancel'
    or v_run.status <> 'cancelled' or v_run.updated_at <> now()) then
    perform howdah_private.raise_ended(v_run, case control_fault.action
      when 'cancel' then 'cancelled' else control_fault.action || 'd' end);
  end if;
  return null;
exception when sqlstate 'HWNTF' or sqlstate 'HWDEN' or sqlstate 'HWTRM' or sqlstate 'HWCNF' then
  get stacked diagnostics v_code = returned_sqlstate, v_message = message_text,
    v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  return jsonb_build_object('code', v_code, 'message', v_message,
    'detail', nullif(v_detail, '')::jsonb, 'hint', nullif(v_hint, ''));
end $$;

-- Returns the errors of all ids that are not among `ready`, by id. A run that nobody had locked can
-- be changed by now: its transaction was committed during this call.
create or replace function howdah_private.control_faults(
  ids uuid[], locked uuid[], ready uuid[], action text
) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(json_object_agg(coalesce(f.id::text, 'null'), f.fault)::jsonb, '{}')
    from (
      select i.id, coalesce(howdah_private.control_fault(i.id, control_faults.action),
        case when i.id = any (control_faults.locked) then null else jsonb_build_object(
          'code', 'HWCNF', 'message', format('execution %s was changed during this call', i.id),
          'detail', jsonb_build_object('execution_id', i.id), 'hint', 'Call again.') end) as fault
      from (
        select unnest(control_faults.ids) as id except select unnest(control_faults.ready)
      ) as i
    ) as f
    where f.fault is not null
  );
end $$;

-- Returns those of the runs that are not in `faults`.
create or replace function howdah_private.without_faults(ids uuid[], faults jsonb) returns uuid[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select array(
    select i.id from unnest(without_faults.ids) as i (id)
    where not without_faults.faults ? i.id::text order by i.id)
$$;

-- Returns the error of an id that a call names a second time.
create or replace function howdah_private.repeated_id(id uuid) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('code', 'HWINV', 'message', format('id %s is repeated', repeated_id.id),
    'detail', jsonb_build_object('field', 'ids', 'id', repeated_id.id),
    'hint', 'The row of its first place in ids has its result. Name each id once.')
$$;

-- Returns a row for each id, in order, with the status that its run has now. A run that the caller
-- cannot see has none.
create or replace function howdah_private.control_results(ids uuid[], faults jsonb)
  returns table (id uuid, status howdah.execution_status, error jsonb)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_is_operator boolean := howdah_private.is_operator();
  v_tenant_id uuid := howdah.current_tenant();
  v_hidden uuid[] := howdah_private.hidden_agents();
begin
  return query
  select i.id, e.status, case
    when row_number() over (partition by i.id order by i.position) > 1
      then howdah_private.repeated_id(i.id)
    else control_results.faults -> coalesce(i.id::text, 'null') end
  from unnest(control_results.ids) with ordinality as i (id, position)
  left join lateral (
    select x.status from howdah.executions as x
    where x.id = i.id and (v_is_operator or x.tenant_id = v_tenant_id)
      and coalesce(x.agent_id, x.workflow_id) <> all (v_hidden)
    offset 0
  ) as e on true
  order by i.position;
end $$;

-- Returns those of the runs that have not ended.
create or replace function howdah_private.unfinished_runs(ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
begin
  return array(select e.id::uuid from howdah.executions as e
    where e.id = any (unfinished_runs.ids) and e.completed_at is null);
end $$;
