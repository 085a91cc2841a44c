-- Up Migration
-- The result of a tool was stored twice: as the output of its step, and as the text of its message.
-- A message whose text is exactly the output no longer stores it (commit_steps). Older rows keep
-- their text, and the view howdah.messages reads both.
alter table howdah_private.message_log add column content_is_output boolean;
comment on column howdah_private.message_log.content_is_output is
  'True if the text of the message is the output of its step: steps.output #>> ''{}''. Then '
  'content is null. Never false.';

-- Down Migration
-- Row-level security applies to the owner as well, and its policies are applied after migrations.
alter table howdah_private.message_log no force row level security;
alter table howdah.steps no force row level security;
update howdah_private.message_log as m set content = s.output #>> '{}'
from howdah.steps as s
where m.content_is_output and s.execution_id = m.execution_id and s.seq = m.step_seq;
alter table howdah_private.message_log force row level security;
alter table howdah.steps force row level security;
alter table howdah_private.message_log drop column content_is_output;
