-- Evaluates an agent or a workflow on a data set. The names are looked up with the privileges of
-- the caller, so that hidden agents are not found.
create or replace function howdah.evaluate(
  dataset text,
  agent text default null,
  workflow text default null,
  version text default null,
  repeat int default 1,
  split text default null,
  model text default null,
  overrides jsonb default null,
  graders text[] default null,
  priority int default 10,
  reuse boolean default false,
  items_at timestamptz default null
) returns howdah.evaluations
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_dataset_id uuid := howdah_private.dataset_named(evaluate.dataset);
  v_evaluated record := howdah_private.evaluated(evaluate.agent, evaluate.workflow);
begin
  if evaluate.items_at not between '0001-01-02' and '9999-12-30' then
    raise exception using errcode = 'HWINV',
      message = format('items_at (%s) is not in the years 1 to 9999', evaluate.items_at),
      detail = '{"field": "items_at"}', hint = 'Leave items_at out for the items of now.';
  end if;
  if evaluate.items_at > clock_timestamp() + interval '1 minute' then -- clocks of clients differ
    raise exception using errcode = 'HWINV',
      message = format('items_at (%s) is in the future', evaluate.items_at),
      detail = '{"field": "items_at"}', hint = 'Leave items_at out for the items of now.';
  end if;
  return howdah_private.start_evaluation(
    v_dataset_id, v_evaluated.agent_id, v_evaluated.workflow_id,
    howdah_private.version_named(
      v_evaluated.agent_id, v_evaluated.workflow_id, evaluate.version),
    case when evaluate.version !~ '^[0-9]+$' then evaluate.version end,
    coalesce(evaluate.repeat, 1), evaluate.split,
    case when evaluate.model is null then evaluate.overrides
      else coalesce(evaluate.overrides, '{}') || jsonb_build_object('model', evaluate.model) end,
    evaluate.graders, coalesce(evaluate.priority, 10), coalesce(evaluate.reuse, false),
    evaluate.items_at);
end $$;
comment on function howdah.evaluate(text, text, text, text, int, text, text, jsonb, text[], int,
  boolean, timestamptz) is
  'Runs each item of a data set with an agent or a workflow, repeat times, and grades the results: '
  'select * from howdah.evaluate(''refunds'', ''support'', repeat => 3). version is a number or '
  'label. graders are names; without them, those of the data set. The runs have priority 10, so '
  'others come first. With reuse, returns the newest completed evaluation with the same items, '
  'version, overrides, graders and repeats, if there is one. items_at takes the items that the '
  'data set had at an earlier time.';

-- Cancels an evaluation with its live runs and judges. Results that are graded stay.
create or replace function howdah.cancel_evaluation(id uuid) returns howdah.evaluations
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_evaluation howdah.evaluations := howdah_private.evaluation_by_id(cancel_evaluation.id, 'id');
  v_live uuid[];
begin
  v_live := array(
    select r.execution_id from howdah.evaluation_results as r
    join howdah.executions as e on e.id = r.execution_id and e.completed_at is null
    -- a run that no item started, and that a user has retried, goes on
    where r.evaluation_id = v_evaluation.id and r.item_id is not null)
    || howdah_private.live_judges(v_evaluation.id);
  for v_first in 1 .. cardinality(v_live) by 10000 loop -- the most of one call
    perform howdah.cancel_executions(v_live[v_first : v_first + 9999]);
  end loop;
  return howdah_private.mark_cancelled(v_evaluation.id);
end $$;
comment on function howdah.cancel_evaluation(uuid) is
  'Cancels an evaluation and those of its runs and judges that are live, and returns it. Results '
  'that are graded stay. Raises HWCNF if it has ended.';
