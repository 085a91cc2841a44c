-- A tenant limits its own agents and models; the limit of a tenant as a whole is for who runs the installation.
create or replace function howdah_private.tg_concurrency_limits__refuse_tenant() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not howdah_private.is_operator() then
    raise exception using errcode = 'HWDEN', message = 'only an owner may limit a tenant as a whole',
      detail = jsonb_build_object('field', 'agent_id')::text,
      hint = 'Name the agent or the model whose runs are meant, or connect as the database''s owner: npx howdah db url.';
  end if;
  return case tg_op when 'DELETE' then old else new end;
end $$;

-- There may be room now.
create or replace function howdah_private.tg_concurrency_limits__admit() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.enqueue_admission(old.id, old.tenant_id);
  return null;
end $$;

-- A run has stopped working, in whatever way: what waits for room at one of its limits may go on.
create or replace function howdah_private.tg_executions__make_room() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.enqueue_admission(l.id, l.tenant_id) from howdah.concurrency_limits as l
  where l.tenant_id = new.tenant_id and howdah_private.is_limited_by(l, new.agent_id, new.agent_version_id,
      howdah_private.model_chosen(new.overrides, new.handoffs));
  return null;
end $$;

create or replace trigger _100_stamp before update on howdah.concurrency_limits
  for each row execute function howdah_private.tg__stamp();
create or replace trigger _200_refuse_tenant before insert on howdah.concurrency_limits
  for each row when (new.agent_id is null and new.model_id is null)
  execute function howdah_private.tg_concurrency_limits__refuse_tenant();
create or replace trigger _210_refuse_tenant before update or delete on howdah.concurrency_limits
  for each row when (old.agent_id is null and old.model_id is null)
  execute function howdah_private.tg_concurrency_limits__refuse_tenant();
create or replace trigger _500_admit after update of max_running on howdah.concurrency_limits
  for each row when (new.max_running > old.max_running)
  execute function howdah_private.tg_concurrency_limits__admit();
create or replace trigger _510_admit after delete on howdah.concurrency_limits
  for each row execute function howdah_private.tg_concurrency_limits__admit();
create or replace trigger _840_make_room after update of status on howdah.executions
  for each row when (old.status = 'running' and new.status <> 'running')
  execute function howdah_private.tg_executions__make_room();
