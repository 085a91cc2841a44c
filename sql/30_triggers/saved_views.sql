-- Refuses to change a shared view of another user, except to admins. Others do not see the views
-- that are not shared, so an admin who stops sharing the view of another user would lose it.
create or replace function howdah_private.tg_saved_views__permit_owner() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_user not in ('howdah_engine', 'howdah_owner') and not howdah_private.is_trusted()
    and old.user_id is distinct from howdah.current_user_id()
    and (howdah.current_user_role() <= 'admin') is not true then
    raise exception using errcode = 'HWDEN',
      message = format('only its user or an admin may change the saved view %L', old.name),
      detail = jsonb_build_object('object', 'saved_views', 'id', old.id)::text,
      hint = 'Save a view of your own.';
  end if;
  if tg_op = 'UPDATE' and old.is_shared and not new.is_shared
    and current_user not in ('howdah_engine', 'howdah_owner') and not howdah_private.is_trusted()
    and old.user_id is distinct from howdah.current_user_id() then
    raise exception using errcode = 'HWDEN',
      message = format('only its user may stop sharing the saved view %L', old.name),
      detail = jsonb_build_object(
        'object', 'saved_views', 'id', old.id, 'field', 'is_shared'
      )::text,
      hint = 'Delete it instead.';
  end if;
  return case tg_op when 'DELETE' then old else new end;
end $$;
create or replace trigger _030_permit_owner before update or delete on howdah.saved_views
  for each row execute function howdah_private.tg_saved_views__permit_owner();
