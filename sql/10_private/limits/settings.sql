-- Settings: numbers of the engine. A tenant's own row counts first, then the row of the system,
-- then the default. Settings are read when they are used and never copied into a run: a change
-- holds for whatever begins afterwards. Where the table is empty, a setting costs one look-up.
--
-- max_depth, input_bytes and the limits of runs are read when a run is inserted
-- (30_triggers/executions.sql). Workers ask for attempts, back-off and size of results with every
-- claim and commit: run_settings.

-- Returns all settings that exist. Without a default nothing is limited.
create or replace function howdah_private.setting_kinds()
  returns table (
    key text, is_whole boolean, minimum numeric, maximum numeric, default_value numeric,
    description text
  )
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  values
    ('audit_contents', true, 0, 1, 0,
      '1 also records in the audit log what runs do to todos, files, sessions and mail, and who '
      'creates them.'),
    ('backoff_initial_seconds', false, 0.1, 60, 0.5,
      'Longest wait after the first failed attempt of a model or a tool; it doubles after each '
      'further failure. 1 by default if no fallback model is left.'),
    ('backoff_max_seconds', false, 0.1, 3600, 30,
      'Longest wait between two attempts, unless the server requests a longer wait. 60 by default '
      'if no fallback model is left.'),
    ('input_bytes', true, 1024, 1048576, 1048576,
      'Maximum bytes of the text of a run''s input, of its data, and of a message to a run.'),
    ('max_cost', false, 0.000001, 1000000000, null,
      'Maximum cost of a run whose agent or workflow has no max_cost.'),
    ('max_depth', true, 1, 32, 8, 'Maximum depth of child runs below a root run.'),
    ('max_seconds', true, 1, 2592000, 600,
      'Maximum active seconds of a run whose agent or workflow has no max_seconds.'),
    ('max_steps', true, 1, 1000000, 50,
      'Maximum number of model answers of a run whose agent or workflow has no max_steps.'),
    ('max_tokens', true, 1, 1000000000000, null,
      'Maximum tokens of a run whose agent or workflow has no max_tokens.'),
    ('model_attempts', true, 1, 20, 4,
      'Maximum number of attempts with one model before the next model of the agent is called.'),
    ('reward_weight_agent', false, 0, 1000, 0.5,
      'Weight of the scores of other agents in howdah.rewards.'),
    ('reward_weight_outcome', false, 0, 1000, 1,
      'Weight of the scores of outcomes in howdah.rewards.'),
    ('reward_weight_person', false, 0, 1000, 1,
      'Weight of the scores of people in howdah.rewards.'),
    ('reward_weight_program', false, 0, 1000, 0.5,
      'Weight of the scores of programs in howdah.rewards.'),
    ('retry_for', true, 0, 2592000, 600,
      'Seconds for which failed calls of a model are repeated when no fallback model is left, for '
      'agents without retry_for; 0 repeats them model_attempts times.'),
    ('tool_result_bytes', true, 1000, 1048576, 65536,
      'Maximum bytes of a tool result that the model reads, for tools without max_result_bytes.'),
    ('worker_wait_seconds', false, 0.1, 86400, 30,
      'Seconds that howdah.ask waits while no worker takes its run.'),
    ('worker_warning_seconds', false, 0.1, 86400, 5,
      'Seconds after which howdah.ask warns that no worker takes its run.')
$$;

-- Returns the settings of a tenant by key. Null when nothing is set: the caller takes the default.
create or replace function howdah_private.settings_of(tenant_id uuid, keys text[]) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
begin
  -- of two values for one key jsonb_object_agg keeps the last: the tenant's
  return (
    select json_object_agg(s.key, s.value order by s.scope = 'tenant')::jsonb
    from (
      select o.scope, o.key, o.value from howdah.settings as o
      where o.tenant_id = settings_of.tenant_id and o.scope = 'tenant'
        and o.key = any (settings_of.keys)
      union all
      select o.scope, o.key, o.value from howdah.settings as o
      where o.scope = 'system' and o.key = any (settings_of.keys)
    ) as s
  );
end $$;

-- Returns one setting of a tenant. Null when it is not set.
create or replace function howdah_private.setting(tenant_id uuid, key text) returns numeric
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    howdah_private.settings_of(setting.tenant_id, array[setting.key]) -> setting.key
  )::numeric;
end $$;

-- Returns whether any setting is set.
create or replace function howdah_private.has_settings() returns boolean
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (select from howdah.settings);
end $$;

-- Returns the settings that a worker needs while it has a run. The worker asks with each claim and
-- commit.
create or replace function howdah_private.run_settings(execution_id uuid) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
  v_tenant_id uuid;
begin
  select e.tenant_id into v_tenant_id
  from howdah.executions as e where e.id = run_settings.execution_id;
  return howdah_private.settings_of(v_tenant_id,
    '{tool_result_bytes,model_attempts,retry_for,backoff_initial_seconds,backoff_max_seconds}');
end $$;

-- Returns all settings in force for the caller's tenant, which cannot read the rows of the system.
create or replace function howdah_private.setting_values()
  returns table (
    tenant_id uuid, key text, value jsonb, source text, default_value numeric, minimum numeric,
    maximum numeric, description text
  )
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
begin
  return query
  select v_tenant_id, k.key, coalesce(o.value, s.value, to_jsonb(k.default_value)),
    case when o.id is not null then 'tenant' when s.id is not null then 'system'
      else 'default' end,
    k.default_value, k.minimum, k.maximum, k.description
  from howdah_private.setting_kinds() as k
  left join howdah.settings as o
    on o.tenant_id = v_tenant_id and o.scope = 'tenant' and o.key = k.key
  left join howdah.settings as s on s.scope = 'system' and s.key = k.key
  where v_tenant_id is not null;
end $$;
