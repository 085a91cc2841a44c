-- Starts evaluations: an evaluation is an insert of executions with metadata.evaluation_id.

-- Returns the id of a data set of the tenant by name or id.
create or replace function howdah_private.dataset_named(dataset text) returns uuid
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_id uuid;
  v_known text[];
begin
  select d.id into v_id from howdah.datasets as d
  where d.tenant_id = v_tenant_id
    and (d.name = dataset_named.dataset or d.id::text = dataset_named.dataset)
  order by d.name = dataset_named.dataset desc limit 1;
  if v_id is null then
    v_known := array(
      select d.name from howdah.datasets as d where d.tenant_id = v_tenant_id
      order by d.name limit 50);
    raise exception using errcode = 'HWNTF',
      message = format('there is no data set %s', quote_nullable(dataset_named.dataset)),
      detail = jsonb_build_object('field', 'dataset', 'dataset', dataset_named.dataset)::text,
      hint = coalesce(
        'Did you mean ' || howdah_private.nearest_word(dataset_named.dataset, v_known) || '?',
        'The data sets of this tenant: ' || howdah_private.list_names(v_known, 8) || '.',
        'This tenant has no data sets yet.');
  end if;
  return v_id;
end $$;

-- Returns an evaluation that the caller sees, or raises HWNTF, which names the argument.
create or replace function howdah_private.evaluation_by_id(evaluation_id uuid, field text)
  returns howdah.evaluations
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_evaluation howdah.evaluations;
begin
  select e.* into v_evaluation from howdah.evaluations as e
  where e.id = evaluation_by_id.evaluation_id;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no evaluation %s',
        coalesce(evaluation_by_id.evaluation_id::text, 'null')),
      detail = jsonb_build_object('field', evaluation_by_id.field,
        'evaluation_id', evaluation_by_id.evaluation_id)::text,
      hint = 'See howdah.evaluations for the evaluations that exist.';
  end if;
  return v_evaluation;
end $$;

-- Returns the id of the agent or the workflow that is evaluated. A workflow may be named as agent.
create or replace function howdah_private.evaluated(
  agent text, workflow text, out agent_id uuid, out workflow_id uuid
)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if num_nonnulls(evaluated.agent, evaluated.workflow) <> 1 then
    raise exception using errcode = 'HWINV',
      message = case when evaluated.agent is null then 'agent is missing'
        else 'agent and workflow are both given' end,
      detail = '{"field": "agent"}', hint = 'Name either an agent or a workflow.';
  end if;
  workflow_id := case when evaluated.workflow is not null then howdah.workflow(evaluated.workflow)
    else howdah_private.workflow_by_name(evaluated.agent) end;
  agent_id := case when workflow_id is null then howdah.agent(evaluated.agent) end;
end $$;

-- Returns copies of graders: those that are named, or else those of the data set.
create or replace function howdah_private.copied_graders(
  tenant_id uuid, dataset_id uuid, names text[]
) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_missing text[];
  v_graders jsonb;
begin
  v_missing := array(
    select n.name from unnest(copied_graders.names) as n (name)
    where not exists (
      select from howdah.graders as g
      where g.tenant_id = copied_graders.tenant_id and g.name = n.name));
  select to_jsonb(array_agg(to_jsonb(g) - array['tenant_id', 'dataset_id', 'created_at',
    'updated_at'] order by g.name)) into v_graders
  from howdah.graders as g
  where g.tenant_id = copied_graders.tenant_id
    and case when copied_graders.names is null then g.dataset_id = copied_graders.dataset_id
      else g.name = any (copied_graders.names) end;
  if cardinality(v_missing) > 0 then
    raise exception using errcode = 'HWNTF',
      message = format('there is no grader %L', v_missing[1]),
      detail = jsonb_build_object('field', 'graders', 'grader', v_missing[1])::text,
      hint = 'See howdah.graders for the graders that exist.';
  elsif v_graders is null then
    raise exception using errcode = 'HWINV', message = 'the evaluation has no graders',
      detail = '{"field": "graders"}',
      hint = 'Name graders, or insert a row into howdah.graders with this dataset_id, such as '
        'kind exact.';
  end if;
  return v_graders;
end $$;

-- Refuses numbers that are out of range.
create or replace function howdah_private.check_evaluation_size(items int, repeats int)
  returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if (check_evaluation_size.repeats between 1 and 100) is not true then
    raise exception using errcode = 'HWINV',
      message = format('repeat must be from 1 to 100, not %s', check_evaluation_size.repeats),
      detail = '{"field": "repeat"}', hint = 'Set repeat to the number of runs of each item.';
  elsif check_evaluation_size.items = 0 then
    raise exception using errcode = 'HWINV', message = 'the data set has no items to evaluate',
      detail = '{"field": "dataset"}',
      hint = 'Insert rows into howdah.dataset_items, or name another split.';
  elsif check_evaluation_size.items::bigint * check_evaluation_size.repeats > 10000 then
    raise exception using errcode = 'HWINV',
      message = format('%s items with %s runs each are more than 10000 runs',
        check_evaluation_size.items, check_evaluation_size.repeats),
      detail = '{"field": "repeat"}', hint = 'Evaluate one split at a time, or repeat less.';
  end if;
end $$;

-- Returns the newest completed evaluation that had the same items, version, settings and graders.
create or replace function howdah_private.equal_evaluation(wanted howdah.evaluations)
  returns howdah.evaluations
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select e.* from howdah.evaluations as e
  where e.tenant_id = wanted.tenant_id and e.dataset_id = wanted.dataset_id
    and e.version_id = wanted.version_id and e.status = 'completed'
    and e.repeats = wanted.repeats and e.items_digest = wanted.items_digest
    and e.overrides is not distinct from wanted.overrides and e.graders = wanted.graders
    and (e.totals ->> 'passed')::int + (e.totals ->> 'failed')::int = e.items * e.repeats
  order by e.id desc limit 1
$$;

-- Returns the number of a version of an agent or a workflow.
create or replace function howdah_private.number_of_version(version_id uuid) returns int
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select v.version from howdah.agent_versions as v where v.id = number_of_version.version_id
  union all
  select v.version from howdah.workflow_versions as v where v.id = number_of_version.version_id
$$;

-- Locks the agent that is evaluated and those that judge, in the order of ids, as each may get a
-- new version.
create or replace function howdah_private.lock_judging_agents(e howdah.evaluations) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from howdah.agents as a
  where a.tenant_id = e.tenant_id and (a.id = e.agent_id
    or a.deleted_at is null and a.name in (
      select g.grader #>> '{configuration,agent}' from jsonb_array_elements(e.graders) as g (grader)
      where g.grader ->> 'kind' = 'rubric'))
  order by a.id for no key update;
end $$;

-- Prepares the row of an evaluation: its version, items and graders. Runs with the rights of the
-- engine, so it checks those of the caller, who may call it.
create or replace function howdah_private.new_evaluation(
  dataset_id uuid, agent_id uuid, workflow_id uuid, version_id uuid, label text, repeats int,
  split text, overrides jsonb, graders text[], item_ids uuid[]
) returns howdah.evaluations
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_new howdah.evaluations;
begin
  v_new.id := howdah.uuid_v7();
  v_new.tenant_id := howdah.current_tenant();
  v_new.dataset_id := new_evaluation.dataset_id;
  v_new.agent_id := new_evaluation.agent_id;
  v_new.workflow_id := new_evaluation.workflow_id;
  v_new.graders := howdah_private.copied_graders(
    v_new.tenant_id, v_new.dataset_id, new_evaluation.graders);
  perform howdah_private.lock_judging_agents(v_new);
  v_new.version_id := coalesce(new_evaluation.version_id,
    case when v_new.agent_id is not null
      then howdah_private.refresh_agent_version(v_new.agent_id)
      else howdah_private.refresh_workflow_version(v_new.workflow_id) end);
  v_new.version := howdah_private.number_of_version(v_new.version_id);
  v_new.label := new_evaluation.label;
  v_new.repeats := new_evaluation.repeats;
  v_new.split := new_evaluation.split;
  v_new.overrides := nullif(new_evaluation.overrides, '{}');
  v_new.created_at := clock_timestamp();
  v_new.status := 'running';
  v_new.totals := '{}';
  v_new.created_by := howdah_private.actor();
  v_new.items := cardinality(new_evaluation.item_ids);
  v_new.items_digest := md5(array_to_string(new_evaluation.item_ids, ' '));
  perform howdah_private.check_evaluation_size(v_new.items, v_new.repeats);
  v_new.graders := howdah_private.pin_embedding_models(
    v_new.tenant_id, howdah_private.pin_judges(v_new.tenant_id, v_new.graders));
  return v_new;
end $$;

-- Inserts a prepared evaluation. Its model is computed from overrides.
create or replace function howdah_private.insert_evaluation_row(e howdah.evaluations) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah.evaluations (id, tenant_id, dataset_id, agent_id, workflow_id, version_id,
    created_at, completed_at, totals_at, status, items, repeats, version, items_digest, created_by,
    label, split, overrides, graders, totals, since_at, until_at, grading_rule_id, items_at)
  values (e.id, e.tenant_id, e.dataset_id, e.agent_id, e.workflow_id, e.version_id,
    e.created_at, e.completed_at, e.totals_at, e.status, e.items, e.repeats, e.version,
    e.items_digest, e.created_by,
    e.label, e.split, e.overrides, e.graders, e.totals, e.since_at, e.until_at, e.grading_rule_id,
    e.items_at)
$$;

-- Refuses items whose files were deleted since they were added.
create or replace function howdah_private.check_files_of_items(tenant_id uuid, item_ids uuid[])
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_missing record;
begin
  select i.id, p.part ->> 'resource_id' as resource_id into v_missing
  from howdah.dataset_items as i
  cross join lateral jsonb_array_elements(i.input_parts) as p (part)
  where i.tenant_id = check_files_of_items.tenant_id
    and i.id = any (check_files_of_items.item_ids) and i.input_parts is not null
    and p.part ->> 'type' = 'resource' and not exists (
      select from howdah.resources as r
      where r.tenant_id = i.tenant_id and r.id = (p.part ->> 'resource_id')::uuid)
  order by i.id limit 1;
  if found then
    raise exception using errcode = 'HWCNF',
      message = format('the file %s of item %s was deleted', v_missing.resource_id, v_missing.id),
      detail = jsonb_build_object('item_id', v_missing.id,
        'resource_id', v_missing.resource_id)::text,
      hint = 'Remove the item: set removed_at. Then evaluate the items of now.';
  end if;
end $$;

-- Inserts the runs of a new evaluation in one statement, and its results.
create or replace function howdah_private.insert_evaluation(
  e howdah.evaluations, item_ids uuid[], priority int
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.insert_evaluation_row(e),
    howdah_private.check_files_of_items(e.tenant_id, insert_evaluation.item_ids);
  insert into howdah.evaluation_results (tenant_id, evaluation_id, item_id, repeat, execution_id)
  select e.tenant_id, e.id, i.id, n.repeat, howdah.uuid_v7()
  from unnest(insert_evaluation.item_ids) as i (id)
  cross join generate_series(1, e.repeats) as n (repeat)
  order by n.repeat, i.id;
  insert into howdah.executions (id, tenant_id, agent_id, agent_version_id, workflow_id,
    workflow_version_id, input_trust, input, input_data, input_parts, history, overrides,
    priority, metadata)
  select r.execution_id, e.tenant_id, e.agent_id,
    case when e.agent_id is not null then e.version_id end, e.workflow_id,
    case when e.workflow_id is not null then e.version_id end, i.trust, i.input, i.input_data,
    i.input_parts, i.history, e.overrides,
    howdah_private.priority_of(insert_evaluation.priority),
    jsonb_build_object('evaluation_id', e.id, 'item_id', i.id, 'repeat', r.repeat)
  from howdah.evaluation_results as r
  join howdah.dataset_items as i on i.tenant_id = r.tenant_id and i.id = r.item_id
  where r.tenant_id = e.tenant_id and r.evaluation_id = e.id
  order by r.id;
end $$;

-- Returns the items to evaluate, in order, and locks them: those of now, or of an earlier time.
-- They are read once: items that others add or remove meanwhile do not make the number, the digest
-- and the runs differ.
create or replace function howdah_private.lock_items(
  tenant_id uuid, dataset_id uuid, split text, items_at timestamptz
) returns uuid[]
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select array(
    select i.id from howdah.dataset_items as i
    where i.tenant_id = lock_items.tenant_id and i.dataset_id = lock_items.dataset_id
      and (lock_items.split is null or i.split = lock_items.split)
      and case when lock_items.items_at is null then i.removed_at is null
        else i.created_at <= lock_items.items_at
          and (i.removed_at is null or i.removed_at > lock_items.items_at) end
    order by i.id for key share)
$$;

-- Refuses an earlier time at which the data set had no items.
create or replace function howdah_private.check_items_of_time(
  item_ids uuid[], items_at timestamptz
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if check_items_of_time.item_ids = '{}' and check_items_of_time.items_at is not null then
    raise exception using errcode = 'HWINV',
      message = format('the data set had no items at %s', check_items_of_time.items_at),
      detail = '{"field": "items_at"}',
      hint = 'Give a time after created_at of its items, or another split.';
  end if;
end $$;

-- Starts an evaluation, or returns an equal one. The runs are those of the caller, whose rights are
-- checked here, since the engine inserts them.
create or replace function howdah_private.start_evaluation(
  dataset_id uuid, agent_id uuid, workflow_id uuid, version_id uuid, label text, repeats int,
  split text, overrides jsonb, graders text[], priority int, reuse boolean, items_at timestamptz
) returns howdah.evaluations
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_items uuid[];
  v_new howdah.evaluations;
  v_old howdah.evaluations;
begin
  perform howdah_private.permit('executions', 'run');
  perform howdah_private.check_agent_right(start_evaluation.agent_id, 'run'),
    howdah_private.check_agent_right(start_evaluation.workflow_id, 'run', 'workflow');
  perform howdah_private.dataset_named(start_evaluation.dataset_id::text);
  perform howdah_private.lock_caller();
  v_items := howdah_private.lock_items(howdah.current_tenant(), start_evaluation.dataset_id,
    start_evaluation.split, start_evaluation.items_at);
  perform howdah_private.check_items_of_time(v_items, start_evaluation.items_at);
  v_new := howdah_private.new_evaluation(start_evaluation.dataset_id, start_evaluation.agent_id,
    start_evaluation.workflow_id, start_evaluation.version_id, start_evaluation.label,
    start_evaluation.repeats, start_evaluation.split, start_evaluation.overrides,
    start_evaluation.graders, v_items);
  v_new.items_at := start_evaluation.items_at;
  if start_evaluation.reuse then
    v_old := howdah_private.equal_evaluation(v_new);
  end if;
  if v_old.id is null then
    perform howdah_private.insert_evaluation(v_new, v_items, start_evaluation.priority);
  end if;
  select e.* into v_new from howdah.evaluations as e where e.id = coalesce(v_old.id, v_new.id);
  return v_new;
end $$;
