-- Refuses to delete a secret that is in use. remove_secret runs as howdah_engine and has checked
-- already. Deleting the tenant deletes its secrets unchecked.
create or replace function howdah_private.tg_secrets__refuse_used() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_user <> 'howdah_engine'
    and exists (select from howdah.tenants as t where t.id = old.tenant_id) then
    perform howdah_private.check_secret_unused(old);
  end if;
  return old;
end $$;

create or replace trigger _200_refuse_used before delete on howdah.secrets
  for each row execute function howdah_private.tg_secrets__refuse_used();
