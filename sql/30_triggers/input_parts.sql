-- Checks images and files of an input at the insert. They are immutable once the run has ended.
create or replace function howdah_private.tg_executions__check_parts() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.refuse_parts(new.tenant_id, new.input_parts);
  new.input_parts := nullif(new.input_parts, '[]');
  return new;
end $$;

create or replace trigger _150_check_parts before insert on howdah.executions
  for each row when (new.input_parts is not null)
  execute function howdah_private.tg_executions__check_parts();
create or replace trigger _310_refuse_rewrite before update of input_parts on howdah.executions
  for each row when (old.completed_at is not null and current_user <> 'howdah_engine')
  execute function howdah_private.tg__refuse_change();
