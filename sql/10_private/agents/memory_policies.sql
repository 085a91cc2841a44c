-- The memory policy of an agent: which agent reads its conversations after they have ended, and
-- what that agent may remember (memory_extractions.sql). It is in no version of the agent, so a
-- change applies at once, also to runs that have started.

-- Returns a policy as it is stored: with the id of the agent in place of the name, and with the
-- default scope. Raises an error for a policy that cannot work.
create or replace function howdah_private.checked_memory_policy(a howdah.agents) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_faults text[] := howdah_private.json_faults(
    '{
      "type": "object", "additionalProperties": false,
      "properties": {
        "agent": {"type": "string", "minLength": 1, "maxLength": 200},
        "agent_id": {"type": "string", "minLength": 1, "maxLength": 200},
        "scopes": {
          "type": "array", "minItems": 1, "uniqueItems": true,
          "items": {"enum": ["user", "session", "agent", "tenant"]}
        },
        "kinds": {
          "type": "array", "minItems": 1, "uniqueItems": true,
          "items": {"enum": ["fact", "preference", "procedure", "episode"]}
        },
        "min_turns": {"type": "integer", "minimum": 1, "maximum": 20}
      }
    }', a.memory_policy);
begin
  if cardinality(v_faults) = 0
    and num_nonnulls(a.memory_policy -> 'agent', a.memory_policy -> 'agent_id') = 0 then
    v_faults := array['agent is missing'];
  end if;
  if cardinality(v_faults) > 0 then
    raise exception using errcode = 'HWINV',
      message = 'memory_policy: ' || array_to_string(v_faults, '; '),
      detail = jsonb_build_object('field', 'memory_policy', 'faults', to_jsonb(v_faults))::text,
      hint = 'Write it as {"agent": "memory-keeper", "scopes": ["user"], "kinds": ["preference"], '
        '"min_turns": 3}. Only agent is required.';
  end if;
  return '{"scopes": ["user"]}'::jsonb || (a.memory_policy - 'agent')
    || jsonb_build_object('agent_id', howdah_private.keeper_of_policy(a));
end $$;

-- Returns the agent that a policy names. Raises an error if there is none that the caller can see,
-- or if it is the agent of the policy itself.
create or replace function howdah_private.keeper_of_policy(a howdah.agents) returns uuid
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_field text := case when a.memory_policy ? 'agent' then 'agent' else 'agent_id' end;
  v_named text := a.memory_policy ->> v_field;
  v_id uuid;
begin
  select k.id into v_id from howdah.agents as k
  where k.tenant_id = a.tenant_id and k.deleted_at is null
    and (not k.is_restricted or howdah_private.sees_agent(k.id))
    and case v_field when 'agent' then k.name = v_named
      else k.id = howdah_private.parse_id(v_named) end;
  if v_id is null then
    raise exception using errcode = 'HWNTF', message = format('there is no agent %L', v_named),
      detail = jsonb_build_object('field', 'memory_policy.' || v_field, v_field, v_named)::text,
      hint = coalesce('Did you mean ' || howdah_private.nearest_word(left(v_named, 60), array(
          select k.name from howdah.agents as k
          where k.tenant_id = a.tenant_id and k.deleted_at is null and not k.is_restricted
          order by k.name limit 200)) || '? ', '')
        || 'See howdah.agents for the agents that exist.';
  elsif v_id = a.id then
    raise exception using errcode = 'HWINV', message = 'an agent cannot read its own conversations',
      detail = jsonb_build_object('field', 'memory_policy.' || v_field, v_field, v_named)::text,
      hint = 'Name another agent, such as that of packs/memory-keeper.';
  end if;
  return v_id;
end $$;
