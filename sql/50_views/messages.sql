-- The messages of runs, which are stored in howdah_private.message_log. Readers need their own
-- rights on that table too, so that its row security applies to them. No function has a row of the
-- view as an argument, since functions are created before views.
--
-- A result of a tool is stored once: where the text of a message is the output of its step,
-- commit_steps writes content_is_output instead. A query that does not ask for the content, and a
-- row with a text of its own, read no step.
create or replace view howdah.messages with (security_invoker = true) as
  select m.execution_id, m.tenant_id, m.seq, m.id, m.created_at, m.role, m.trust, m.tokens_in,
    m.tokens_out, m.session_id, m.agent_id, m.step_seq, m.parent_seq, m.covers_from_seq,
    m.covers_to_seq,
    case when m.content_is_output then (
      select s.output #>> '{}' from howdah.steps as s
      where s.execution_id = m.execution_id and s.seq = m.step_seq
    ) else m.content end as content, m.parts, m.tool_calls, m.tool_call_id
  from howdah_private.message_log as m;
create or replace trigger _100_refuse_change instead of update or delete on howdah.messages
  for each row execute function howdah_private.tg__refuse_change();
comment on view howdah.messages is
  E'@primaryKey execution_id,seq\n'
  '@foreignKey (execution_id) references howdah.executions (id)'
  '|@fieldName execution|@foreignFieldName messages\n'
  'Messages of a run, in order. Message 1 is the input; the commit of a step appends the others. '
  'Rows are never updated.';
comment on column howdah.messages.step_seq is 'Step that added the message. Null for the input.';
comment on column howdah.messages.parent_seq is
  'Message that this message answers. For the result of a tool: the message that requested the '
  'call.';
comment on column howdah.messages.covers_from_seq is
  'First message that a summary replaces. 0 includes earlier turns of the session. Null if the '
  'message is not a summary.';
comment on column howdah.messages.covers_to_seq is
  'Last message that a summary replaces. The original messages stay.';
comment on column howdah.messages.tool_calls is
  'Tool calls that the assistant requested: [{id, name, arguments}].';
