-- Models, engines, MCP servers and http_request name secrets, and none of them works without.
create or replace function howdah_private.refuse_used_secret(secret howdah.secrets) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_models text[] := array(
    select m.name from howdah.models as m
    where m.tenant_id = secret.tenant_id and m.secret_name = secret.name
    union all
    select 'of agent ' || a.name from howdah.agents as a
    where a.tenant_id = secret.tenant_id and a.deleted_at is null
      and a.engine_configuration ->> 'secret_name' = secret.name
    union all
    select 'of MCP server ' || s.name from howdah.mcp_servers as s
    where s.tenant_id = secret.tenant_id and secret.name = any (howdah_private.mcp_secrets(s.configuration))
    union all
    select 'of tool ' || t.name || coalesce(' of agent ' || x.agent, '')
    from howdah.tools as t
    cross join lateral (
      select null as agent, t.configuration
      union all
      select a.name, g.configuration from howdah.agent_tools as g join howdah.agents as a on a.id = g.agent_id
      where g.tool_id = t.id and a.deleted_at is null
    ) as x
    where t.tenant_id = secret.tenant_id and t.kind = 'builtin' and t.name = 'http_request'
      and jsonb_path_exists(x.configuration, 'lax $.secrets.*.secret_name ? (@ == $name)',
        jsonb_build_object('name', secret.name))
    order by 1);
begin
  if v_models <> '{}' then
    raise exception using errcode = 'HWCNF',
      message = format('secret %L is used by the models %s', secret.name, array_to_string(v_models, ', ')),
      detail = jsonb_build_object('secret', secret.name, 'models', v_models)::text,
      hint = 'Let them name another secret first; forced (--force), their calls fail from now on.';
  end if;
end $$;
