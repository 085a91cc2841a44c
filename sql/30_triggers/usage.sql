-- Removes the ids of deleted users and sessions from the rollup of usage. The figures stay, and are
-- merged again. A day that is merged in the same moment keeps an id until its next merge.
create or replace function howdah_private.tg_users__leave_usage() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update howdah.usage_totals as k set user_id = null, is_merged = false from gone as g
  where k.tenant_id = g.tenant_id and k.user_id = g.id;
  return null;
end $$;
create or replace trigger _800_leave_usage after delete on howdah.users
  referencing old table as gone
  for each statement execute function howdah_private.tg_users__leave_usage();

create or replace function howdah_private.tg_sessions__leave_usage() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update howdah.usage_totals as k set session_id = null, is_merged = false from gone as g
  where k.tenant_id = g.tenant_id and k.session_id = g.id;
  return null;
end $$;
create or replace trigger _800_leave_usage after delete on howdah.sessions
  referencing old table as gone
  for each statement execute function howdah_private.tg_sessions__leave_usage();
