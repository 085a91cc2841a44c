-- Returns how the last model answer of a run ended, from its log. Null if no model has answered.
-- Summaries, and answers that a call requested, do not count. An answer that was refused is in the
-- log as a failed attempt. Volatile, so that it sees the steps that the calling commit has written.
create or replace function howdah_private.last_finish_reason(id uuid) returns howdah.finish_reason
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select r.reason
  from howdah.steps as s
  join unnest(enum_range(null::howdah.finish_reason)) as r (reason)
    on r.reason::text = s.output ->> 'finish_reason'
  where s.execution_id = last_finish_reason.id and s.kind in ('model', 'retry')
    and s.call_id is null and not s.output ? 'covers_from_seq'
  order by s.seq desc limit 1
$$;
