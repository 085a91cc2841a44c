-- The embedded server is Howdah's alone, so no other application needs what is revoked here.
do $$
begin
  if current_setting('cluster_name') = 'howdah' and exists (
    select from pg_catalog.pg_roles as r where r.rolname = session_user and r.rolsuper
  ) then
    set local role none;
    perform howdah_private.restrict_shared_resources();
    set local role howdah_owner;
  end if;
end $$;
