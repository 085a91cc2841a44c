-- Checks that the run of a row exists, in every table in which callers write execution_id, because
-- no foreign key can reference executions. A run of another tenant, and one that grants hide, are
-- reported as missing, with the same text.
create or replace function howdah_private.tg__check_execution() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from howdah.executions as e where e.id = new.execution_id and e.tenant_id = new.tenant_id
  ) then
    raise exception using errcode = 'HWNTF',
      message = format('there is no execution %s', new.execution_id),
      detail = jsonb_build_object('execution_id', new.execution_id)::text,
      hint = 'Use the id of a run that you see, or omit execution_id if the row is about no run.';
  end if;
  return new;
end $$;

do $$
declare
  v_table name;
begin
  for v_table in
    select w.object from howdah_private.written_columns() as w
    where 'execution_id' = any (w.columns || w.first)
  loop
    execute format('create or replace trigger _300_check_execution '
      'before insert or update of execution_id on howdah.%I '
      'for each row when (new.execution_id is not null) '
      'execute function howdah_private.tg__check_execution()', v_table);
  end loop;
end $$;
