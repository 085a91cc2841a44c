-- Removes a secret. A secret that is in use stays, unless force is set. Calls that need a removed
-- secret fail with a clear error; no other secret takes its place. The row is locked before its
-- uses are checked, because statements that add a use lock the same row.
create or replace function howdah.remove_secret(name text, force boolean default false)
  returns howdah.secrets
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_secret howdah.secrets;
begin
  perform howdah_private.permit('secrets', 'manage');
  select s.* into v_secret from howdah.secrets as s
  where s.tenant_id = howdah.current_tenant() and s.name = remove_secret.name for update;
  if not found then
    perform howdah_private.raise_unknown_secret(remove_secret.name);
  end if;
  if not coalesce(remove_secret.force, false) then
    perform howdah_private.check_secret_unused(v_secret);
  end if;
  delete from howdah.secrets as s where s.id = v_secret.id;
  return v_secret;
end $$;
comment on function howdah.remove_secret(text, boolean) is
  'Removes a secret and returns its row, without the value. Raises HWCNF while a model, agent, '
  'MCP server or tool uses the secret, unless force is set, and HWNTF if there is no such secret.';
