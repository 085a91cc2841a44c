-- Implements tools of kind http: one request of an API, with a URL whose parts are arguments of the
-- call (docs/http.md). The configuration is checked when it is written, so a call can fail only
-- because of its arguments or the server.

-- Returns the settings of an HTTP tool. `of_agent` selects those that agent_tools may set for one
-- agent: the URL of a request can only be set in the tool itself.
create or replace function howdah_private.http_settings(of_agent boolean) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select (howdah_private.builtin_settings('http_request')).settings - array['allow', 'methods']
    || case when of_agent then '{}' else '{
      "url": {
        "type": "string", "maxLength": 2000,
        "pattern": "^https?://(\\[[0-9A-Fa-f.:]+\\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/([A-Za-z0-9._~!$&''()*+,;=:@%/-]|\\{\\+?[A-Za-z0-9_.-]+\\})*)?$"
      },
      "method": {"enum": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]},
      "arguments": {
        "type": "object",
        "additionalProperties": {
          "type": "object", "additionalProperties": false,
          "properties": {
            "in": {"enum": ["path", "query", "header", "body"]},
            "name": {"type": "string", "minLength": 1, "maxLength": 200},
            "style": {"enum": ["form", "spaceDelimited", "pipeDelimited", "deepObject"]},
            "explode": {"type": "boolean"}
          }
        }
      },
      "body": {"type": "string", "minLength": 1},
      "content_type": {
        "type": "string",
        "pattern": "^(application/(json|x-www-form-urlencoded|[A-Za-z0-9.+-]+\\+json)|text/[a-z0-9.+-]+)(; *charset=utf-8)?$"
      }
    }'::jsonb end
$$;

-- Returns the place of each argument: the place that the tool sets, else the URL if it names the
-- argument, else the query of a request without body, else the body.
create or replace function howdah_private.http_arguments(parameters jsonb, configuration jsonb)
  returns table (argument text, place text, wire_name text, is_required boolean)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select p.name, case
      when c.setting ? 'in' then c.setting ->> 'in'
      when http_arguments.configuration ->> 'body' = p.name then 'body'
      when c.wire_name = any (u.names) then 'path'
      when coalesce(http_arguments.configuration ->> 'method', 'GET') in ('GET', 'HEAD', 'DELETE')
        then 'query'
      else 'body' end,
    c.wire_name, coalesce(http_arguments.parameters -> 'required' ? p.name, false)
  from jsonb_object_keys(coalesce(http_arguments.parameters -> 'properties', '{}')) as p (name)
  cross join lateral (select s.setting, coalesce(s.setting ->> 'name', p.name) as wire_name
    from (select http_arguments.configuration #> array['arguments', p.name] as setting) as s) as c
  cross join (
    select array(select m.parts[1]
      from regexp_matches(http_arguments.configuration ->> 'url', '\{\+?([^{}]+)\}',
        'g') as m (parts))
  ) as u (names)
$$;

-- Returns what does not fit between the URL, the arguments and the parameters of an HTTP tool.
create or replace function howdah_private.http_faults(parameters jsonb, configuration jsonb)
  returns text[]
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select array(
    select format('url names {%s}, but parameters have no such required property', u.name)
    from regexp_matches(http_faults.configuration ->> 'url', '\{\+?([^{}]+)\}', 'g')
      with ordinality as m (parts, place)
    cross join lateral (select m.parts[1]) as u (name)
    where not exists (
      select
      from howdah_private.http_arguments(http_faults.parameters, http_faults.configuration) as a
      where (a.place, a.wire_name) = ('path', u.name) and a.is_required)
    union all
    select format('arguments.%s: parameters have no such property', k.name)
    from jsonb_object_keys(coalesce(http_faults.configuration -> 'arguments', '{}')) as k (name)
    where not coalesce(http_faults.parameters -> 'properties' ? k.name, false)
    union all
    select format('body: parameters have no property %s', to_jsonb(b.name))
    from (select http_faults.configuration ->> 'body') as b (name)
    where b.name is not null
      and not coalesce(http_faults.parameters -> 'properties' ? b.name, false)
    union all
    select case a.place when 'path'
      then format('arguments.%s: url has no {%s}', a.argument, a.wire_name)
      else format('arguments.%s: %s takes no body', a.argument,
        coalesce(http_faults.configuration ->> 'method', 'GET')) end
    from howdah_private.http_arguments(http_faults.parameters, http_faults.configuration) as a
    where (a.place = 'path' and http_faults.configuration ->> 'url'
        !~ ('\{\+?' || regexp_replace(a.wire_name, '([^A-Za-z0-9_])', '\\\1', 'g') || '\}'))
      or (a.place = 'body'
        and coalesce(http_faults.configuration ->> 'method', 'GET') in ('GET', 'HEAD'))
  )
$$;

-- Refuses a configuration with faults.
create or replace function howdah_private.check_http_tool(
  parameters jsonb, configuration jsonb, of_agent boolean
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_known jsonb := howdah_private.http_settings(check_http_tool.of_agent);
  v_names text[] := array(select jsonb_object_keys(v_known));
  v_faults text[] := howdah_private.json_faults(
    jsonb_build_object('additionalProperties', false, 'properties', v_known)
      || case when check_http_tool.of_agent then '{}' else '{"required": ["url"]}'::jsonb end,
    check_http_tool.configuration);
  v_name text;
begin
  if cardinality(v_faults) = 0 and not check_http_tool.of_agent then
    v_faults := howdah_private.http_faults(check_http_tool.parameters,
      check_http_tool.configuration);
  end if;
  if cardinality(v_faults) > 0 then
    select k.key into v_name from jsonb_object_keys(check_http_tool.configuration) as k (key)
    where k.key <> all (v_names) order by 1 limit 1;
    raise exception using errcode = 'HWINV',
      message = 'configuration: ' || array_to_string(v_faults, '; '),
      detail = jsonb_build_object('field', 'configuration', 'faults', to_jsonb(v_faults))::text,
      hint = coalesce('Did you mean ' || howdah_private.nearest_word(v_name, v_names) || '?',
        case when v_name is not null then 'The settings: ' || array_to_string(v_names, ', ') end,
        'Example: {"method": "GET", "url": "https://api.example.org/orders/{order}"}, '
        'with order as a required property of parameters.');
  end if;
  perform howdah_private.lock_tool_secrets(case
    when not check_http_tool.of_agent
      and current_setting('howdah.missing_secrets', true) = 'wait'
    then howdah_private.without_missing_secrets(check_http_tool.configuration)
    else check_http_tool.configuration end);
  perform howdah_private.lock_integration(howdah.current_tenant(), check_http_tool.configuration);
end $$;

-- Leaves out the secrets of an HTTP tool that do not exist yet. The tools of a pack wait for their
-- secrets: a call fails until its secret is stored. The apply of a pack warns
-- (missing_secrets), and sets howdah.missing_secrets for the transaction.
create or replace function howdah_private.without_missing_secrets(configuration jsonb)
  returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('secrets', coalesce(json_object_agg(s.key, s.value)::jsonb, '{}'))
  from jsonb_each(without_missing_secrets.configuration -> 'secrets') as s
  where exists (
    select from howdah.secrets as k
    where k.tenant_id = howdah.current_tenant() and k.name = s.value ->> 'secret_name')
$$;

-- Returns the secrets that these HTTP tools wait for, with the names of the tools.
create or replace function howdah_private.missing_secrets(tools text[])
  returns table (name text, tools text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select s.value ->> 'secret_name', string_agg(distinct t.name, ', ')
  from howdah.tools as t
  cross join jsonb_each(t.configuration -> 'secrets') as s
  where t.tenant_id = howdah.current_tenant() and t.kind = 'http'
    and t.name = any (missing_secrets.tools)
    and not exists (
      select from howdah.secrets as k
      where k.tenant_id = t.tenant_id and k.name = s.value ->> 'secret_name')
  group by 1
$$;

-- Locks the secrets that a configuration names, so that none can be removed before the
-- configuration is committed.
create or replace function howdah_private.lock_tool_secrets(configuration jsonb) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.lock_secrets(howdah.current_tenant(), array(
    select s.value ->> 'secret_name'
    from jsonb_each(lock_tool_secrets.configuration -> 'secrets') as s
    union
    select lock_tool_secrets.configuration ->> 'database'
    where lock_tool_secrets.configuration ? 'database'))
$$;
