-- What the configuration of http_request may say, checked where it is written: by admins alone (permits.sql), since it says
-- where a secret is sent.
create or replace function howdah_private.refuse_http_settings(configuration jsonb) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id constant uuid := howdah.current_tenant();
  v_faults text[] := howdah_private.json_faults('{
    "additionalProperties": false, "properties": {
      "question": {"type": "object"}, "max_result_bytes": {},
      "allow": {"type": ["array", "string", "null"], "items": {"type": "string", "pattern": "^(\\*\\.)?(\\[[0-9A-Fa-f.:]+\\]|[^\\s:/?#@*\\[\\]]+)(:[0-9]{1,5})?$"}},
      "methods": {"type": "array", "minItems": 1, "items": {"enum": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]}},
      "headers": {"type": ["object", "null"], "additionalProperties": {"type": "string"}},
      "secrets": {"type": "object", "propertyNames": {"pattern": "^[A-Za-z0-9!#$%&''*+.^_`|~-]+$"}, "additionalProperties": {
        "type": "object", "additionalProperties": false, "required": ["secret_name", "hosts"], "properties": {
          "secret_name": {"type": "string", "minLength": 1},
          "hosts": {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "^(\\*\\.)?(\\[[0-9A-Fa-f.:]+\\]|[^\\s:/?#@*\\[\\]]+)(:[0-9]{1,5})?$"}},
          "prefix": {"type": "string", "maxLength": 100, "pattern": "^[ -~]*$"}
        }}}
    }
  }', refuse_http_settings.configuration);
begin
  if cardinality(v_faults) > 0 then
    raise exception using errcode = 'HWINV', message = 'configuration: ' || array_to_string(v_faults, '; '),
      detail = jsonb_build_object('field', 'configuration', 'faults', to_jsonb(v_faults))::text,
      hint = '{"allow": ["api.github.com"], "methods": ["GET"], "secrets":'
        ' {"authorization": {"secret_name": "github", "hosts": ["api.github.com"], "prefix": "Bearer "}}}';
  end if;
  perform howdah_private.refuse_unknown_secret(s.value ->> 'secret_name')
  from jsonb_each(refuse_http_settings.configuration -> 'secrets') as s
  where not exists (select from howdah.secrets as k where k.name = s.value ->> 'secret_name' and k.tenant_id = v_tenant_id);
end $$;
