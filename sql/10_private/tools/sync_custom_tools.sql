-- Stores the tools registered in code as rows of the default tenant. A row of another kind with the
-- same name is kept. Capabilities and subject stay as people wrote them unless the code names them.
-- A tool whose effect is no longer pure loses cache_answers_for, so that its worker can start.
create or replace function howdah_private.sync_custom_tools(tools jsonb) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah.tools as t
    (tenant_id, name, description, kind, parameters, effect, capabilities, domain)
  select n.id, x.name, x.description, 'custom', x.parameters, x.effect,
    coalesce(x.capabilities, o.capabilities, '{}'), coalesce(x.domain, o.domain)
  from jsonb_to_recordset(sync_custom_tools.tools) as x (name text, description text,
    parameters jsonb, effect howdah.tool_effect, capabilities text[], domain text)
  join howdah.tenants as n on n.slug = 'default'
  left join howdah.tools as o on o.tenant_id = n.id and o.name = x.name
  on conflict (tenant_id, name) do update
  set description = excluded.description, parameters = excluded.parameters,
    effect = excluded.effect, capabilities = excluded.capabilities, domain = excluded.domain,
    cache_answers_for = case excluded.effect when 'pure' then t.cache_answers_for end
  where t.kind = 'custom'
    and (t.description, t.parameters, t.effect, t.capabilities, t.domain)
      is distinct from (excluded.description, excluded.parameters, excluded.effect,
        excluded.capabilities, excluded.domain)
$$;
