-- Stores the feedback of a caller about a run or one of its messages. A caller has one entry per
-- run and message: a second call replaces the first, and the audit log keeps both. The run may be
-- live or ended, and may belong to another user. The row of the run is locked, so that a concurrent
-- deletion of the run also deletes the feedback.
create or replace function howdah.give_feedback(
  execution_id uuid, score double precision, comment text default null, message_seq int default null
) returns howdah.feedback_entries
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_run howdah.executions := howdah_private.rated_run(give_feedback.execution_id,
    give_feedback.message_seq);
  v_comment text := nullif(btrim(give_feedback.comment), '');
  v_hits jsonb;
  v_entry howdah.feedback_entries;
begin
  if give_feedback.score is null and v_comment is null then
    raise exception using errcode = 'HWINV', message = 'feedback has neither a score nor a comment',
      detail = '{"field": "score"}', hint = 'Give a score from 0 to 1, a comment, or both.';
  end if;
  select f.value, f.hits into v_comment, v_hits
  from howdah_private.filter_text(
    coalesce(howdah_private.input_filters(v_run.tenant_id, v_run.agent_id), '{}'),
    'comment', v_comment, null) as f;
  perform howdah_private.record_input_hits(v_run.id, v_hits);
  insert into howdah.feedback_entries as f (tenant_id, execution_id, message_seq, score,
    comment, created_by)
  values (v_run.tenant_id, v_run.id, give_feedback.message_seq, give_feedback.score, v_comment,
    howdah_private.actor())
  on conflict (execution_id, created_by, coalesce(message_seq, 0)) do update
  set score = excluded.score, comment = excluded.comment
  returning * into v_entry;
  perform howdah_private.enqueue_added_contents(v_run.id) where v_comment is not null;
  perform howdah_private.audit_action(v_run.tenant_id, 'give_feedback', 'executions',
    v_run.id::text,
    jsonb_strip_nulls(
      jsonb_build_object('score', v_entry.score, 'message_seq', v_entry.message_seq)),
    case when v_comment is not null then jsonb_build_object('comment', v_comment) end);
  return v_entry;
end $$;
comment on function howdah.give_feedback(uuid, double precision, text, int) is
  'Gives feedback on a run, or on one of its messages: a score from 0 to 1, a comment, or both. A '
  'second call replaces the earlier feedback.';

-- Returns and locks the run that feedback is about. The caller must be able to see the run and to
-- run its agent.
create or replace function howdah_private.rated_run(id uuid, message_seq int)
  returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := case when howdah_private.is_operator()
    then (select x.tenant_id from howdah.executions as x where x.id = rated_run.id)
    else howdah.current_tenant() end;
  v_run howdah.executions;
begin
  perform howdah_private.lock_caller();
  select e.* into v_run from howdah.executions as e
  where e.id = rated_run.id and e.tenant_id = v_tenant_id
    and howdah_private.sees_agent(coalesce(e.agent_id, e.workflow_id))
  for key share;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no execution %s', rated_run.id),
      detail = jsonb_build_object('execution_id', rated_run.id)::text,
      hint = 'See howdah.executions for the runs that exist.';
  end if;
  perform from howdah.executions as e -- after an encryption that has read the feedback so far
  where e.id = v_run.id and e.completed_at is not null for no key update;
  perform howdah_private.permit('feedback_entries', 'run');
  perform howdah_private.check_agent_right(coalesce(v_run.agent_id, v_run.workflow_id), 'run',
    case when v_run.agent_id is null then 'workflow' else 'agent' end);
  if rated_run.message_seq is not null and not exists (
    select from howdah.messages as m
    where m.execution_id = v_run.id and m.seq = rated_run.message_seq
  ) then
    raise exception using errcode = 'HWNTF',
      message = format('execution %s has no message %s', v_run.id, rated_run.message_seq),
      detail = jsonb_build_object('execution_id', v_run.id, 'message_seq', rated_run.message_seq,
        'field', 'message_seq')::text,
      hint = 'Leave message_seq out to rate the whole run. See howdah.messages for its messages.';
  end if;
  return v_run;
end $$;
