-- Overrides of a fork: those of its original, and others in their place. A fork continues with the
-- agent of its last copied step. So it takes nothing that was meant for an agent before a handoff,
-- and a run of one tool can only start again: after its call there is nothing to continue.

-- Returns the overrides as the caller gave them, for a fork after step `seq`. Returns null for a
-- child run, whose overrides its parent decides, and after a handoff, since the overrides were for
-- the previous agent.
create or replace function howdah_private.original_overrides(e howdah.executions, seq int)
  returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case when e.overrides ? 'tool' then jsonb_build_object('tool', e.overrides -> 'tool')
    else e.overrides || case when e.overrides ? 'model'
      then jsonb_build_object('model', e.overrides #> '{model,name}') else '{}' end end
  where e.parent_execution_id is null and not exists (
    select from howdah.steps as s
    where s.execution_id = e.id and s.kind = 'handoff' and s.seq <= original_overrides.seq)
$$;

-- Returns the overrides of a fork after step `seq`: those of the original, with others in their
-- place. Request parameters replace those of the original one by one. The insert of the fork checks
-- the result; there a null removes an override.
create or replace function howdah_private.forked_overrides(
  e howdah.executions, seq int, overrides jsonb
) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case when forked_overrides.overrides is null then o.original
    else coalesce(o.original, '{}') || forked_overrides.overrides || case
      when jsonb_typeof(o.original -> 'request_params') = 'object'
        and jsonb_typeof(forked_overrides.overrides -> 'request_params') = 'object'
      then jsonb_build_object('request_params', (o.original -> 'request_params')
        || (forked_overrides.overrides -> 'request_params'))
      else '{}' end end
  from howdah_private.original_overrides(e, forked_overrides.seq) as o (original)
$$;

-- Returns the step of the last handoff of a run that a fork after step `seq` copies, or null.
create or replace function howdah_private.copied_handoff(execution_id uuid, seq int) returns int
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select max(s.seq) from howdah.steps as s
  where s.execution_id = copied_handoff.execution_id and s.kind = 'handoff'
    and s.seq <= copied_handoff.seq
$$;

-- Refuses overrides that a fork after step `seq` cannot use, and a fork after the call of a run of
-- one tool. `version_id` is the version that the fork continues with.
create or replace function howdah_private.check_fork_overrides(
  e howdah.executions, seq int, overrides jsonb, version_id uuid
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_handoff int := case when e.handoffs > 0
    then howdah_private.copied_handoff(e.id, check_fork_overrides.seq) end;
  v_fault record;
begin
  select f.* into v_fault from (
    select 'seq' as field, format('execution %s called one tool in place of a model, so it can '
      'only be forked at seq 0', e.id) as fault,
      'Fork at seq 0 with other arguments as input, retry it, or start another run.' as fix
    where check_fork_overrides.seq > 0 and (e.overrides ? 'tool' or exists (
      select from howdah.agent_versions as v
      where v.id = check_fork_overrides.version_id
        and v.definition #>> '{models,0,provider}' = 'engine:tool'))
    union all
    select 'overrides.tool', 'overrides.tool cannot be given in a fork',
      'Start another run with overrides.tool. A fork of a run with a tool keeps it.'
    where jsonb_typeof(check_fork_overrides.overrides -> 'tool') <> 'null'
    union all
    select 'overrides.' || k.key, format(
      'overrides.%s cannot be changed after the handoff at step %s', k.key, v_handoff),
      format('Omit the field, or fork before step %s.', v_handoff)
    from (values ('model'), ('request_params'), ('mission_override')) as k (key)
    where v_handoff is not null
      and jsonb_typeof(check_fork_overrides.overrides -> k.key) <> 'null'
  ) as f limit 1;
  if found then
    raise exception using errcode = 'HWINV', message = v_fault.fault,
      detail = jsonb_build_object('field', v_fault.field, 'execution_id', e.id)::text,
      hint = v_fault.fix;
  end if;
end $$;
