-- A secret that a model, the engine of an agent or an MCP server still names stays, unless it is forced away: then the calls of that model fail and say why, for
-- no other key takes its place. The row is locked before models are looked at, as a model locks it that comes to name it.
create or replace function howdah.remove_secret(name text, force boolean default false) returns howdah.secrets
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_secret howdah.secrets;
  v_models text[];
begin
  perform howdah_private.permit('secrets', 'manage');
  select s.* into v_secret from howdah.secrets as s
  where s.tenant_id = howdah.current_tenant() and s.name = remove_secret.name for update;
  if not found then
    perform howdah_private.refuse_unknown_secret(remove_secret.name);
  end if;
  v_models := array(
    select m.name from howdah.models as m
    where m.tenant_id = v_secret.tenant_id and m.secret_name = v_secret.name
    union all
    select 'of agent ' || a.name from howdah.agents as a
    where a.tenant_id = v_secret.tenant_id and a.deleted_at is null
      and a.engine_configuration ->> 'secret_name' = v_secret.name
    union all
    select 'of MCP server ' || s.name from howdah.mcp_servers as s
    where s.tenant_id = v_secret.tenant_id and v_secret.name = any (howdah_private.mcp_secrets(s.configuration))
    order by 1);
  if v_models <> '{}' and not coalesce(remove_secret.force, false) then
    raise exception using errcode = 'HWCNF',
      message = format('secret %L is used by the models %s', v_secret.name, array_to_string(v_models, ', ')),
      detail = jsonb_build_object('secret', v_secret.name, 'models', v_models)::text,
      hint = 'Let them name another secret first; forced (--force), their calls fail from now on.';
  end if;
  delete from howdah.secrets as s where s.id = v_secret.id;
  return v_secret;
end $$;
comment on function howdah.remove_secret(text, boolean) is
  'Forgets a secret and gives its row, without the value. HWCNF while a model or an MCP server uses it, unless forced; HWNTF when there is none.';
