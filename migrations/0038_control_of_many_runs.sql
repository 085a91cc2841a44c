-- Up Migration
-- Retries handle many runs by one call. The functions for one run are gone.
drop function if exists howdah_private.grant_limit(uuid, howdah.stop_reason),
  howdah_private.reopen_questions(howdah.executions);

-- Down Migration
-- Earlier releases create their own functions again, beside those of this one.
drop function if exists howdah.cancel_executions(uuid[]), howdah.pause_executions(uuid[]),
  howdah.resume_executions(uuid[]), howdah.retry_executions(uuid[]),
  howdah.answer_questions(uuid[], text, jsonb), howdah_private.reopen_questions(uuid[]);
