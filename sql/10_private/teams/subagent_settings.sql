-- Checks the settings of a child run, in the configuration of a workflow member or of a tool that
-- is an agent or a workflow: other instructions, fewer tools, a budget of its own. Checked when the
-- configuration is written.
create or replace function howdah_private.check_sub_run_settings(configuration jsonb) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_faults text[] := howdah_private.json_faults('{
    "additionalProperties": false, "properties": {
      "question": {"type": "object"},
      "mission_override": {"type": "string", "minLength": 1},
      "allowed_tools": {"type": "array", "items": {"type": "string", "minLength": 1}},
      "suppress_markdown": {"type": "boolean"},
      "ephemeral": {"type": "boolean"},
      "handoff": {"type": "boolean"},
      "weight": {"type": "number", "exclusiveMinimum": 0},
      "budget": {"type": "object", "additionalProperties": false, "properties": {
        "max_steps": {"type": "integer", "minimum": 1},
        "max_tokens": {"type": "integer", "minimum": 1},
        "max_cost": {"type": "number", "exclusiveMinimum": 0},
        "max_seconds": {"type": "integer", "minimum": 1}
      }}
    }
  }', check_sub_run_settings.configuration);
begin
  if cardinality(v_faults) > 0 then
    raise exception using errcode = 'HWINV',
      message = 'configuration: ' || array_to_string(v_faults, '; '),
      detail = jsonb_build_object('field', 'configuration', 'faults', to_jsonb(v_faults))::text,
      hint = '{"mission_override": "…", "allowed_tools": ["todo"], "budget": {"max_steps": 6}, '
        '"suppress_markdown": true}';
  end if;
end $$;
