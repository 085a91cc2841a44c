-- SQL tools call functions of this database: only an owner decides which (register_sql_tool).
create or replace function howdah_private.tg_tools__refuse_sql() returns trigger
  language plpgsql volatile
  set search_path = ''
as $$
begin
  if not howdah_private.is_operator() then
    raise exception using errcode = 'HWDEN', message = 'only an owner may write SQL tools',
      detail = jsonb_build_object('tool', new.name)::text,
      hint = 'Ask the database''s owner to call howdah.register_sql_tool(signature).';
  end if;
  return new;
end $$;

create or replace function howdah_private.tg_tools__mark_stale() returns trigger
  language plpgsql volatile security definer
  set search_path = ''
as $$
begin
  perform howdah_private.mark_agents_stale(array_agg(at.agent_id))
  from howdah.agent_tools as at where at.tool_id = new.id;
  return null;
end $$;

create or replace trigger _100_stamp before update on howdah.tools
  for each row execute function howdah_private.tg__stamp();
create or replace trigger _200_refuse_sql before insert or update on howdah.tools
  for each row when (new.kind = 'sql')
  execute function howdah_private.tg_tools__refuse_sql();
create or replace trigger _500_mark_stale after update on howdah.tools
  for each row when (old.* is distinct from new.*)
  execute function howdah_private.tg_tools__mark_stale();
