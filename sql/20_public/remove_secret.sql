-- A secret that something still names stays, unless it is forced away: then the calls that need it fail and say why, for no
-- other key takes its place. The row is locked before those are looked at, as they lock it that come to name it.
create or replace function howdah.remove_secret(name text, force boolean default false) returns howdah.secrets
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
    perform howdah_private.refuse_unknown_secret(remove_secret.name);
  end if;
  if not coalesce(remove_secret.force, false) then
    perform howdah_private.refuse_used_secret(v_secret);
  end if;
  delete from howdah.secrets as s where s.id = v_secret.id;
  return v_secret;
end $$;
comment on function howdah.remove_secret(text, boolean) is
  'Forgets a secret and gives its row, without the value. HWCNF while a model, an agent, an MCP server or a tool uses it, unless forced; HWNTF when there is none.';
