-- The results that the caller has not graded yet. It is blind: it has neither what graders and
-- other people said, nor which agent and version answered. The order is that of digests, another
-- one for each person, so that neither the place in the data set nor what was read before sways all
-- people in the same way.
create or replace view howdah.grade_queue with (security_invoker = true) as
  select r.tenant_id, r.id as evaluation_result_id, r.evaluation_id, v.dataset_id, r.item_id,
    md5(concat((select howdah.current_user_id()), r.id)) as place,
    case when r.item_id is null then e.input else i.input end as input,
    case when r.item_id is null then e.input_data else i.input_data end as input_data,
    i.expected, e.output, e.output_data,
    array(
      select g.grader ->> 'name' from jsonb_array_elements(v.graders) as g (grader)
    ) as graders,
    case when r.item_id is null then e.input_parts else i.input_parts end as input_parts,
    case when r.item_id is not null then howdah_private.spoken_messages(i.history)
      when e.turn > 1 or e.history is not null
        then howdah_private.conversation_before(e.id::uuid)
      else '[]' end as history
  from howdah.evaluation_results as r
  join howdah.evaluations as v on v.tenant_id = r.tenant_id and v.id = r.evaluation_id
  left join howdah.dataset_items as i on i.tenant_id = r.tenant_id and i.id = r.item_id
  join howdah.executions as e on e.tenant_id = r.tenant_id and e.id = r.execution_id
  where r.graded_at is not null and e.status = 'completed' and e.contents_erased_at is null
    and not exists (
      select from howdah.grades as g
      where g.tenant_id = r.tenant_id and g.evaluation_result_id = r.id
        and g.user_id is not distinct from (select howdah.current_user_id()))
  order by place;
comment on view howdah.grade_queue is
  'Results of evaluations that the caller has not graded (howdah.grade), without the scores that '
  'they have. Filter by evaluation_id, and order by place.';
comment on column howdah.grade_queue.evaluation_result_id is 'The result to grade.';
comment on column howdah.grade_queue.evaluation_id is 'The evaluation.';
comment on column howdah.grade_queue.dataset_id is 'The data set.';
comment on column howdah.grade_queue.item_id is
  'The item; null for a run that was not started for an item.';
comment on column howdah.grade_queue.place is
  'A digest of the person and the result: an order that stays and says nothing.';
comment on column howdah.grade_queue.input is 'Input of the item or the run.';
comment on column howdah.grade_queue.input_data is 'JSON input of the item or the run.';
comment on column howdah.grade_queue.input_parts is 'Files of the item or the run.';
comment on column howdah.grade_queue.history is
  'The conversation before the input: [{"role", "content", "data"}].';
comment on column howdah.grade_queue.expected is 'What the item expects.';
comment on column howdah.grade_queue.output is 'The answer.';
comment on column howdah.grade_queue.output_data is 'The answer as JSON.';
comment on column howdah.grade_queue.graders is
  'Names of the graders of the evaluation, each of which a person may grade for.';
