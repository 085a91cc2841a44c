-- Checks the target of a row that starts runs, such as a schedule: one agent or one workflow of the
-- tenant, which is not deleted and which the caller sees.
create or replace function howdah_private.check_target(
  tenant_id uuid, agent_id uuid, workflow_id uuid
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind constant text :=
    case when check_target.workflow_id is null then 'agent' else 'workflow' end;
  v_id constant uuid := coalesce(check_target.agent_id, check_target.workflow_id);
begin
  if num_nonnulls(check_target.agent_id, check_target.workflow_id) <> 1 then
    raise exception using errcode = 'HWINV',
      message = case when v_id is null then 'agent_id is missing'
        else 'agent_id and workflow_id are both set' end,
      detail = jsonb_build_object('field', v_kind || '_id')::text,
      hint = 'Set either agent_id to howdah.agent(name), or workflow_id to howdah.workflow(name).';
  elsif not exists (
    select from howdah.agents as a
    where a.id = v_id and v_kind = 'agent' and a.tenant_id = check_target.tenant_id
      and a.deleted_at is null
    union all
    select from howdah.workflows as w
    where w.id = v_id and v_kind = 'workflow' and w.tenant_id = check_target.tenant_id
      and w.deleted_at is null
  ) then
    raise exception using errcode = 'HWNTF', message = format('there is no %s %s', v_kind, v_id),
      detail = jsonb_build_object('field', v_kind || '_id', v_kind || '_id', v_id)::text,
      hint = format('Set %1$s_id to howdah.%1$s(name). See howdah.%1$ss for the %1$ss that exist.',
        v_kind);
  end if;
end $$;
