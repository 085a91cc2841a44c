-- Restores an agent to a version: its columns, its models in their order and its tools. A restore
-- is an ordinary edit with the privileges of the caller and creates a new version. Everything that
-- the version names must still exist.
--
-- Models, tools, prompt and skills are references, so their own rows do not change. The name does
-- not change either: a rename is deliberate, and another agent may use the old name by now.
create or replace function howdah.restore_agent_version(agent_id uuid, version int)
  returns howdah.agents
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_definition jsonb;
  v_missing text;
begin
  select v.definition into v_definition
  from howdah_private.version_of('agent', restore_agent_version.agent_id,
    coalesce(restore_agent_version.version, 0)::text) as v;
  select string_agg(format('%s %s', g.what, g.name), ', ') into v_missing from (
    select 'model' as what, m ->> 'name' as name
    from jsonb_array_elements(v_definition -> 'models') as m
    where m ->> 'id' is not null
      and not exists (select from howdah.models as x where x.id = (m ->> 'id')::uuid)
    union all
    select 'tool', t ->> 'name' from jsonb_array_elements(v_definition -> 'tools') as t
    where not exists (select from howdah.tools as x where x.id = (t ->> 'id')::uuid)
    union all
    select 'skill', s ->> 'name'
    from jsonb_array_elements(coalesce(v_definition -> 'skills', '[]')) as s
    where not exists (select from howdah.skills as x where x.id = (s ->> 'id')::uuid
      and x.deleted_at is null)
    union all
    select 'prompt', v_definition #>> '{agent,prompt,name}'
    where v_definition -> 'agent' ? 'prompt' and not exists (
      select from howdah.prompts as x where x.id = (v_definition #>> '{agent,prompt,id}')::uuid
        and x.deleted_at is null
    )
  ) as g;
  if v_missing is not null then
    raise exception using errcode = 'HWCNF',
      message = format('version %s cannot be restored: %s no longer exists',
        restore_agent_version.version, v_missing),
      detail = jsonb_build_object('agent_id', restore_agent_version.agent_id,
        'version', restore_agent_version.version)::text,
      hint = 'Create it again under that name and assign it to the agent by hand.';
  end if;
  perform howdah_private.restore_parts(restore_agent_version.agent_id, v_definition);
  update howdah.agents as a
  set (description, instruction, system_prompt, use_history, context_policy, output_schema,
    max_steps, max_tokens, max_cost, max_seconds, retry_for, cache_answers_for, capabilities,
    domain, engine, engine_configuration, allow_empty, prompt_id, prompt_values) = (
    select coalesce(r.description, a.description), r.instruction, r.system_prompt, r.use_history,
      case when r.engine is null then coalesce(r.context_policy, a.context_policy)
        else a.context_policy end,
      r.output_schema, r.max_steps, r.max_tokens, r.max_cost, r.max_seconds, r.retry_for,
      r.cache_answers_for, coalesce(r.capabilities, a.capabilities), r.domain,
      coalesce(r.engine, 'builtin'), coalesce(r.engine_configuration, '{}'),
      coalesce(r.allow_empty, false),
      (r.prompt ->> 'id')::uuid, coalesce(r.prompt -> 'values', '{}')
    from jsonb_to_record(v_definition -> 'agent') as r (
      description text, instruction text, system_prompt text, use_history boolean,
      context_policy howdah.context_policy, output_schema jsonb, max_steps int, max_tokens bigint,
      max_cost numeric, max_seconds int, retry_for int, cache_answers_for int, capabilities text[],
      domain text, engine howdah.agent_engine, engine_configuration jsonb,
      allow_empty boolean, prompt jsonb
    )
  )
  where a.id = restore_agent_version.agent_id;
  return howdah_private.agent_row(restore_agent_version.agent_id);
end $$;
comment on function howdah.restore_agent_version(uuid, int) is
  'Restores the columns, models, tools, prompt and skills of an agent from a version. The '
  'restored state is a new version. The agent keeps its current name. Raises HWCNF with the names '
  'of objects that no longer exist.';
