-- Runs with a score, as examples to train models with: runs of evaluations, and runs with feedback
-- that may count. What people said about a result counts more than what graders said, and so does
-- feedback on runs that were not started for an item. Of a run that several rules have graded, the
-- newest result counts. A condition on dataset_id reads the results of that data set only.
create or replace view howdah.training_examples with (security_invoker = true) as
  with people as (
    select g.tenant_id, g.evaluation_result_id, avg(g.score) as score
    from howdah.grades as g where g.grader is null
    group by g.tenant_id, g.evaluation_result_id
  ),
  scored as (
    select r.tenant_id, r.execution_id, v.dataset_id, r.item_id, i.split,
      case when p.score is not null then 'people' when w.score is not null then 'feedback'
        else 'graders' end as source,
      coalesce(p.score, w.score, r.score) as score
    from howdah.evaluation_results as r
    join howdah.evaluations as v on v.tenant_id = r.tenant_id and v.id = r.evaluation_id
    left join howdah.dataset_items as i on i.tenant_id = r.tenant_id and i.id = r.item_id
    left join people as p on p.tenant_id = r.tenant_id and p.evaluation_result_id = r.id
    left join lateral (
      select x.score from howdah.rewards as x
      where x.tenant_id = r.tenant_id and x.execution_id = r.execution_id
    ) as w on r.item_id is null
    where i.removed_at is null and (p.score is not null or r.passed is not null)
      and (r.item_id is not null or p.score is not null or not exists (
        select from howdah.evaluation_results as n
        where n.execution_id = r.execution_id and n.id > r.id and n.passed is not null))
    union all
    select w.tenant_id, w.execution_id, null as dataset_id, null as item_id, null as split,
      'feedback' as source, w.score
    from howdah.rewards as w
    where w.score is not null and not exists (
      select from howdah.evaluation_results as r
      where r.execution_id = w.execution_id and (r.passed is not null or exists (
        select from howdah.grades as g
        where g.tenant_id = r.tenant_id and g.evaluation_result_id = r.id and g.grader is null)))
  )
  select s.tenant_id, s.execution_id, s.dataset_id, s.item_id, e.agent_id, e.agent_version_id,
    e.workflow_id, e.workflow_version_id, s.source, s.score, e.input, e.input_data, e.output,
    e.output_data,
    case when e.turn > 1 or e.history is not null
      then howdah_private.conversation_before(e.id::uuid) else '[]' end as history,
    s.split
  from scored as s
  join howdah.executions as e on e.tenant_id = s.tenant_id and e.id = s.execution_id
  where e.status = 'completed' and e.contents_erased_at is null
    -- in a case, so that it is asked for each row by the index of sessions, and is no join
    and case when e.turn > 1 then not exists (
      select from howdah.executions as t
      where t.tenant_id = e.tenant_id and t.session_id = e.session_id and t.turn < e.turn
        and t.contents_erased_at is not null) else true end;
comment on view howdah.training_examples is
  'Runs with a score from 0 to 1, as examples to train models with: runs of evaluations and runs '
  'with feedback that may count. howdah dataset export --format sft writes them.';
comment on column howdah.training_examples.execution_id is 'The run.';
comment on column howdah.training_examples.dataset_id is
  'The data set; null for a run with feedback.';
comment on column howdah.training_examples.item_id is
  'The item of the data set, if the run was started for one.';
comment on column howdah.training_examples.source is
  'Whose score it is: people (howdah.grade), else feedback on a run without an item '
  '(howdah.rewards), else graders.';
comment on column howdah.training_examples.score is 'From 0 (wrong) to 1 (right).';
comment on column howdah.training_examples.agent_version_id is 'The version of the agent.';
comment on column howdah.training_examples.output is 'The answer.';
comment on column howdah.training_examples.output_data is 'The answer as JSON.';
comment on column howdah.training_examples.split is
  'The split of the item, such as test. Train with the others.';
comment on column howdah.training_examples.history is
  'The conversation before the input: questions and answers of earlier turns, and what the client '
  'supplied, as [{"role", "content", "data"}]. Turns without an answer are left out.';

-- Pairs of a better and a worse answer to one question, as examples of preferences: the best answer
-- to each item of a data set, or to each input of an agent, with each answer of a lower score.
-- After different conversations, equal texts are different questions. Inputs with files, and those
-- that are encrypted, are no questions. A condition on dataset_id reads the results of that data
-- set only.
create or replace view howdah.preference_pairs with (security_invoker = true) as
  with questions as (
    select t.*, coalesce(t.item_id::text, md5(concat_ws(' ', t.agent_id, t.workflow_id, t.input,
      t.input_data, t.history))) as question
    from howdah.training_examples as t
    join howdah.executions as e on e.tenant_id = t.tenant_id and e.id = t.execution_id
    where e.input_parts is null
      and (t.item_id is not null or e.contents_encrypted_at is null)
  ),
  ranked as (
    select q.*, first_value(q.execution_id) over best as chosen_execution_id,
      first_value(q.output) over best as chosen,
      first_value(q.output_data) over best as chosen_data,
      first_value(q.score) over best as chosen_score
    from questions as q
    window best as (
      partition by q.tenant_id, q.dataset_id, q.question
      order by q.score desc, q.execution_id desc)
  )
  select r.tenant_id, r.execution_id as rejected_execution_id, r.chosen_execution_id, r.dataset_id,
    r.item_id, r.agent_id, r.workflow_id, r.chosen_score, r.score as rejected_score, r.input,
    r.input_data, r.chosen, r.chosen_data, r.output as rejected, r.output_data as rejected_data,
    r.history, r.split
  from ranked as r
  where r.score < r.chosen_score
    and (r.output, r.output_data) is distinct from (r.chosen, r.chosen_data);
comment on view howdah.preference_pairs is
  'Pairs of a better and a worse answer to one item of a data set, or to one input of an agent, '
  'from howdah.training_examples. howdah dataset export --format dpo writes them.';
comment on column howdah.preference_pairs.rejected_execution_id is
  'The run with the worse answer. Each such run is in one pair.';
comment on column howdah.preference_pairs.chosen_execution_id is
  'The run with the best answer to the question.';
comment on column howdah.preference_pairs.dataset_id is
  'The data set; null for runs with feedback.';
comment on column howdah.preference_pairs.item_id is 'The item of the data set.';
comment on column howdah.preference_pairs.chosen_score is 'The score of the best answer.';
comment on column howdah.preference_pairs.rejected_score is 'The score of the worse answer.';
comment on column howdah.preference_pairs.chosen is 'The best answer.';
comment on column howdah.preference_pairs.chosen_data is 'The best answer as JSON.';
comment on column howdah.preference_pairs.rejected is 'The worse answer.';
comment on column howdah.preference_pairs.rejected_data is 'The worse answer as JSON.';
comment on column howdah.preference_pairs.split is 'The split of the item.';
comment on column howdah.preference_pairs.history is
  'The conversation before the input, which both answers have in common.';
