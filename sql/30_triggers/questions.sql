-- Encryption (as howdah_eraser) is not an update for readers.
create or replace trigger _100_stamp before update on howdah.questions
  for each row when (current_user <> 'howdah_eraser')
  execute function howdah_private.tg__stamp_clock();

-- Refuses an answer or an end that is written by hand: the run would not learn of it, and
-- would wait for ever.
create or replace function howdah_private.tg_questions__refuse_by_hand() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWCNF',
    message = format('an update does not answer or close a question%s',
      case when old.status = 'open' then ': its run would not learn of it' else '' end),
    detail = jsonb_build_object('question_id', old.id, 'status', old.status)::text,
    hint = case old.kind
      when 'approval' then 'Use howdah.approve(id) or howdah.reject(id, reason). '
      else 'Use howdah.answer_question(id, answer). ' end
      || 'howdah.cancel_execution(execution_id) closes the open questions of a run.';
end $$;
create or replace trigger _300_refuse_by_hand
  before update of status, answer, answer_data, answered_by, answered_at on howdah.questions
  for each row when (
    (new.status, new.answer, new.answer_data, new.answered_by, new.answered_at)
      is distinct from (old.status, old.answer, old.answer_data, old.answered_by, old.answered_at)
    and current_user not in ('howdah_engine', 'howdah_eraser')
  )
  execute function howdah_private.tg_questions__refuse_by_hand();
