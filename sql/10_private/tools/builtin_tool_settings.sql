-- Returns the settings that the configuration of a built-in tool may have, in the row of the tool
-- or for one agent. They are checked when they are written, so that a misspelt setting is not taken
-- for one that works. The worker checks ranges as well.
create or replace function howdah_private.builtin_settings(
  name text, out settings jsonb, out example text
)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select '{"question": {"type": ["object", "null"]}, "max_result_bytes": {}}'::jsonb
    || coalesce(b.settings::jsonb, '{}'),
    coalesce(b.example, '{"max_result_bytes": 65536}')
  from (values (1)) as always
  left join (
    values
      ('http_request', '{
        "allow": {
          "type": ["array", "string", "null"],
          "pattern": "^(\\*\\.)?(\\[[0-9A-Fa-f.:]+\\]|[^\\s:/?#@*\\[\\]]+)(:[0-9]{1,5})?$",
          "items": {
            "type": "string",
            "pattern": "^(\\*\\.)?(\\[[0-9A-Fa-f.:]+\\]|[^\\s:/?#@*\\[\\]]+)(:[0-9]{1,5})?$"
          }
        },
        "methods": {
          "type": "array", "minItems": 1,
          "items": {"enum": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]}
        },
        "headers": {"type": ["object", "null"], "additionalProperties": {"type": "string"}},
        "integration": {"type": "string", "minLength": 1},
        "secrets": {
          "type": "object", "propertyNames": {"pattern": "^[A-Za-z0-9!#$%&''*+.^_`|~-]+$"},
          "additionalProperties": {
            "type": "object", "additionalProperties": false, "required": ["secret_name", "hosts"],
            "properties": {
              "secret_name": {"type": "string", "minLength": 1},
              "hosts": {
                "type": "array", "minItems": 1,
                "items": {
                  "type": "string",
                  "pattern": "^(\\*\\.)?(\\[[0-9A-Fa-f.:]+\\]|[^\\s:/?#@*\\[\\]]+)(:[0-9]{1,5})?$"
                }
              },
              "prefix": {"type": "string", "maxLength": 100, "pattern": "^[ -~]*$"}
            }
          }
        }
      }', '{"allow": ["api.github.com"], "methods": ["GET"], "secrets":'
        ' {"authorization": {"secret_name": "github", "hosts": ["api.github.com"],'
        ' "prefix": "Bearer "}}}'),
      ('sql_query', '{
        "database": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$"},
        "schemas": {
          "type": "array", "minItems": 1, "maxItems": 20,
          "items": {
            "type": "string", "minLength": 1, "maxLength": 63,
            "not": {"pattern": "^(pg_.*|information_schema|howdah_private|graphile_worker)$"}
          }
        },
        "max_rows": {"type": "integer", "minimum": 1, "maximum": 1000},
        "max_cost": {"type": "number", "minimum": 1},
        "timeout_ms": {"type": "integer", "minimum": 1, "maximum": 60000}
      }', 'For sql_query: {"schemas": ["shop"], "max_rows": 100, "max_cost": 10000000,'
        ' "timeout_ms": 10000}.'
        ' System schemas cannot be read. For another database: {"database": "warehouse"},'
        ' the name of a secret that holds its URL.'),
      ('run_code', '{
        "timeout_ms": {"type": "integer", "minimum": 100, "maximum": 60000},
        "memory_mb": {"type": "integer", "minimum": 32, "maximum": 512}
      }', '{"timeout_ms": 10000, "memory_mb": 64}'),
      ('extract', '{
        "model": {"type": "string", "minLength": 1, "maxLength": 200},
        "request_params": {"type": "object"},
        "values_trust": {"enum": ["internal", "external"]}
      }', '{"model": "reader", "values_trust": "external"}'),
      ('knowledge_search', '{"citations": {"enum": ["optional", "required"]}}',
        '{"citations": "required"}'),
      ('remember', '{
        "tenant": {"type": "boolean"}, "pin": {"type": "boolean"}, "propose": {"type": "boolean"}
      }', '{"tenant": true}'),
      ('recall', '{"tenant": {"type": "boolean"}}', '{"tenant": true}'),
      ('send_message', '{
        "max_per_thread": {"type": "integer", "minimum": 1, "maximum": 100000},
        "max_per_tree": {"type": "integer", "minimum": 1, "maximum": 100000}
      }', '{"max_per_thread": 50, "max_per_tree": 200}')
  ) as b (name, settings, example) on b.name = builtin_settings.name
$$;

-- Refuses an unknown or unfit setting. Which hosts get a secret and which database is read are
-- settings that only admins may write (permissions.sql).
create or replace function howdah_private.check_builtin_settings(name text, configuration jsonb)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_known record := howdah_private.builtin_settings(check_builtin_settings.name);
  v_names text[] := array(select jsonb_object_keys(v_known.settings));
  v_faults text[] := howdah_private.json_faults(
    jsonb_build_object('additionalProperties', false, 'properties', v_known.settings),
    check_builtin_settings.configuration);
  v_name text;
begin
  if cardinality(v_faults) > 0 then
    select k.key into v_name
    from jsonb_object_keys(check_builtin_settings.configuration) as k (key)
    where k.key <> all (v_names) order by 1 limit 1;
    raise exception using errcode = 'HWINV',
      message = 'configuration: ' || array_to_string(v_faults, '; '),
      detail = jsonb_build_object('field', 'configuration', 'faults', to_jsonb(v_faults))::text,
      hint = coalesce('Did you mean ' || howdah_private.nearest_word(v_name, v_names) || '?',
        case when v_name is not null then 'The settings: ' || array_to_string(v_names, ', ') end,
        v_known.example);
  end if;
  perform howdah_private.lock_tool_secrets(check_builtin_settings.configuration);
  perform howdah_private.lock_integration(howdah.current_tenant(),
    check_builtin_settings.configuration);
end $$;

-- Returns the settings of the tenant's tool `sql_query`, by which admins limit the queries that
-- members write in workflows of type map. If the tool reads another database, `schemas` is left
-- out: those schemas are not of this database.
create or replace function howdah_private.query_settings(tenant_id uuid) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select case when t.configuration ? 'database' then t.configuration - 'schemas'
      else t.configuration end
    from howdah.tools as t
    where t.tenant_id = query_settings.tenant_id and t.name = 'sql_query' and t.kind = 'builtin'
  );
end $$;
