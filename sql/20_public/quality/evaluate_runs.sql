-- Grades runs that exist: those that users, triggers and schedules have started.

-- Returns whether a grader compares the answer with what an item expects.
create or replace function howdah_private.needs_item(grader jsonb) returns boolean
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select c.configuration ? 'expected_key' or case needs_item.grader ->> 'kind'
    when 'regex' then not c.configuration ? 'pattern'
    when 'json_schema' then not c.configuration ? 'schema'
    when 'trajectory' then not c.configuration ?| '{calls,forbidden}'
    else needs_item.grader ->> 'kind' not in ('sql', 'rubric', 'citation', 'latency', 'cost') end
  from (select needs_item.grader -> 'configuration') as c (configuration)
$$;

-- Returns copies of the graders that need no item: of those of a data set, or else all that are
-- named.
create or replace function howdah_private.graders_of_runs(
  tenant_id uuid, dataset_id uuid, names text[]
) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_graders jsonb := howdah_private.copied_graders(
    graders_of_runs.tenant_id, graders_of_runs.dataset_id, graders_of_runs.names);
  v_usable jsonb;
  v_refused text[];
begin
  select to_jsonb(array_agg(g.grader) filter (where not n.needs_item)),
    array_agg(g.grader ->> 'name') filter (where n.needs_item)
  into v_usable, v_refused
  from jsonb_array_elements(v_graders) as g (grader)
  cross join lateral howdah_private.needs_item(g.grader) as n (needs_item);
  if v_usable is null or graders_of_runs.names is not null and v_refused is not null then
    raise exception using errcode = 'HWINV',
      message = format('grader %L compares with what an item expects', v_refused[1]),
      detail = jsonb_build_object('field', 'graders', 'grader', v_refused[1])::text,
      hint = 'A run that exists expects nothing. Name graders such as sql, rubric, citation, '
        'latency and cost.';
  end if;
  return v_usable;
end $$;

-- Returns whether a run can be graded although no evaluation has started it: a root run of users
-- that has ended, and whose contents can be read.
create or replace function howdah_private.is_gradable(e howdah.executions) returns boolean
  language sql stable
  return e.status in ('completed', 'failed') and e.parent_execution_id is null
    and num_nonnulls(e.contents_erased_at, e.contents_encrypted_at,
      e.compensates_execution_id) = 0
    and not e.metadata ?| '{evaluation_id,judged_execution_id}';

-- Returns runs of a version that have ended and that no evaluation has graded, at most `sample`.
-- They are chosen by a digest of their ids, which says nothing about them.
create or replace function howdah_private.sample_runs(e howdah.evaluations, sample int)
  returns uuid[]
  language sql stable
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
  select array(
    select x.id
    from (
      select a.* from howdah.executions as a
      where a.tenant_id = e.tenant_id and a.agent_id = e.agent_id
        and a.id >= howdah.uuid_v7_floor(e.since_at)
        and a.id < howdah.uuid_v7_floor(e.until_at)
      union all
      select w.* from howdah.executions as w
      where w.tenant_id = e.tenant_id and w.workflow_id = e.workflow_id
        and w.id >= howdah.uuid_v7_floor(e.since_at)
        and w.id < howdah.uuid_v7_floor(e.until_at)
    ) as x
    where coalesce(x.agent_version_id, x.workflow_version_id) = e.version_id
      and howdah_private.is_gradable(x)
      and not exists (
        select from howdah.evaluation_results as r where r.execution_id = x.id)
    order by md5(x.id::text) limit sample_runs.sample)
$$;

-- Inserts an evaluation of runs that exist, whose results are due.
create or replace function howdah_private.insert_grading(v howdah.evaluations, runs uuid[])
  returns howdah.evaluations
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_new howdah.evaluations;
begin
  v_new := howdah_private.new_evaluation(v.dataset_id, v.agent_id, v.workflow_id, v.version_id,
    v.label, 1, null, null, array(select jsonb_path_query(v.graders, '$[*].name') #>> '{}'),
    insert_grading.runs);
  v_new.since_at := v.since_at;
  v_new.until_at := v.until_at;
  v_new.grading_rule_id := v.grading_rule_id;
  v_new.created_by := coalesce(v.created_by, v_new.created_by);
  perform howdah_private.insert_evaluation_row(v_new);
  insert into howdah.evaluation_results (tenant_id, evaluation_id, repeat, execution_id, day)
  select v_new.tenant_id, v_new.id, 1, e.id, (e.created_at at time zone 'UTC')::date
  from howdah.executions as e where e.id = any (insert_grading.runs);
  insert into howdah_private.due_grades (execution_id, tenant_id, evaluation_id)
  select r.id, v_new.tenant_id, v_new.id from unnest(insert_grading.runs) as r (id)
  order by r.id;
  return v_new;
end $$;

-- Starts the grading of runs that exist. Locks the agents, whose judges may get new versions. One
-- call at a time chooses runs of a tenant, so that no run is graded twice.
create or replace function howdah_private.start_grading(
  dataset_id uuid, agent_id uuid, workflow_id uuid, version_id uuid, label text,
  since timestamptz, until timestamptz, sample int, graders text[]
) returns howdah.evaluations
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_new howdah.evaluations;
  v_runs uuid[];
begin
  perform howdah_private.permit('executions', 'run');
  perform howdah_private.check_agent_right(start_grading.agent_id, 'run'),
    howdah_private.check_agent_right(start_grading.workflow_id, 'run', 'workflow');
  perform howdah_private.dataset_named(start_grading.dataset_id::text);
  perform howdah_private.lock_caller();
  v_new.tenant_id := howdah.current_tenant();
  v_new.agent_id := start_grading.agent_id;
  v_new.workflow_id := start_grading.workflow_id;
  v_new.version_id := coalesce(start_grading.version_id,
    (select a.current_version_id from howdah.agents as a where a.id = v_new.agent_id),
    (select w.current_version_id from howdah.workflows as w where w.id = v_new.workflow_id));
  v_new.dataset_id := start_grading.dataset_id;
  v_new.label := start_grading.label;
  v_new.since_at := start_grading.since;
  v_new.until_at := start_grading.until;
  v_new.graders := howdah_private.graders_of_runs(
    v_new.tenant_id, start_grading.dataset_id, start_grading.graders);
  perform howdah_private.lock_judging_agents(v_new);
  perform pg_advisory_xact_lock(
    hashtextextended('howdah.evaluate_runs ' || v_new.tenant_id, 0));
  v_runs := howdah_private.sample_runs(v_new, start_grading.sample);
  if v_runs = '{}' then
    raise exception using errcode = 'HWINV',
      message = format('there are no runs of version %s to grade',
        howdah_private.number_of_version(v_new.version_id)),
      detail = '{"field": "since"}',
      hint = 'Runs are graded once, when they have ended. Set since to an earlier time, or name '
        'another version.';
  end if;
  return howdah_private.insert_grading(v_new, v_runs);
end $$;

create or replace function howdah.evaluate_runs(
  dataset text, agent text default null, workflow text default null, version text default null,
  since timestamptz default null, until timestamptz default null, sample int default 100,
  graders text[] default null
) returns howdah.evaluations
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_dataset_id uuid := howdah_private.dataset_named(evaluate_runs.dataset);
  v_evaluated record := howdah_private.evaluated(evaluate_runs.agent, evaluate_runs.workflow);
  v_until timestamptz := coalesce(evaluate_runs.until, clock_timestamp());
  v_since timestamptz := coalesce(
    evaluate_runs.since, greatest(v_until, '0001-01-02') - interval '1 day');
begin
  if (evaluate_runs.sample between 1 and 10000) is not true then
    raise exception using errcode = 'HWINV',
      message = format('sample must be from 1 to 10000, not %s', evaluate_runs.sample),
      detail = '{"field": "sample"}', hint = 'Set sample to the most runs that are graded.';
  elsif v_since not between '0001-01-02' and '9999-12-30'
    or v_until not between '0001-01-02' and '9999-12-30' then
    raise exception using errcode = 'HWINV',
      message = format('since (%s) or until (%s) is not in the years 1 to 9999', v_since, v_until),
      detail = '{"field": "since"}', hint = 'Leave both out for the runs of the last day.';
  elsif v_since >= v_until then
    raise exception using errcode = 'HWINV',
      message = format('since (%s) is not before until (%s)', v_since, v_until),
      detail = '{"field": "since"}', hint = 'Set since and until to two times, the earlier first.';
  end if;
  return howdah_private.start_grading(
    v_dataset_id, v_evaluated.agent_id, v_evaluated.workflow_id,
    howdah_private.version_named(
      v_evaluated.agent_id, v_evaluated.workflow_id, evaluate_runs.version),
    case when evaluate_runs.version !~ '^[0-9]+$' then evaluate_runs.version end,
    v_since, v_until, evaluate_runs.sample, evaluate_runs.graders);
end $$;
comment on function howdah.evaluate_runs(text, text, text, text, timestamptz, timestamptz, int,
  text[]) is
  'Grades a sample of the runs of an agent or a workflow that have ended, by the graders of a data '
  'set that need no item: select * from howdah.evaluate_runs(''refunds'', ''support''). Takes root '
  'runs of one version (without one, the current) that were created since (a day ago) until (now) '
  'and that no evaluation has graded. The runs themselves are not repeated. Raises HWINV if there '
  'are none.';
