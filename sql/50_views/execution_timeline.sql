create or replace view howdah.execution_timeline with (security_invoker = true) as
  select s.tenant_id, s.execution_id, s.seq, s.kind, s.name, s.started_at,
    round(extract(epoch from s.finished_at - s.started_at) * 1000, 1) as ms,
    s.tokens_in, s.tokens_out, s.cost, s.error ->> 'message' as error,
    -- half of a ciphertext could not be decrypted
    case when strpos(t.said, 'howdah.sealed.v') > 0 then t.said else left(t.said, 200) end as said,
    coalesce(s.output -> 'usage' -> 'estimated' = 'true', false) as is_estimated
  from howdah.steps as s
  left join lateral (
    select string_agg(case when t.content_is_output then s.output #>> '{}' else t.content end, ' '
        order by t.seq) as content,
      string_agg((
        select string_agg((c.call ->> 'name') || ' ' || (c.call ->> 'arguments'), ', ')
        from jsonb_array_elements(t.tool_calls) as c (call)
      ), ', ') as calls
    from howdah_private.message_log as t
    where t.execution_id = s.execution_id and t.step_seq = s.seq
  ) as m on true
  cross join lateral (select concat_ws(' → ', nullif(m.content, ''), m.calls) as said) as t;
comment on view howdah.execution_timeline is
  E'@foreignKey (execution_id) references howdah.executions (id)|@fieldName '
  'execution|@foreignFieldName timeline\nThe steps of a run: time, duration and content. Filter '
  'by one run: where execution_id = …';
comment on column howdah.execution_timeline.is_estimated is
  'True if the tokens, and so the cost, are estimated: the vendor reported no counts.';
