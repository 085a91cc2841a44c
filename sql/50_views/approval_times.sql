create or replace view howdah.approval_times with (security_invoker = true) as
  select q.tenant_id, q.id as question_id, q.execution_id, q.root_execution_id, e.agent_id,
    a.name as agent, q.tool_call ->> 'name' as tool, q.status, q.answer, q.answered_by,
    q.required_role, q.created_at, q.answered_at,
    extract(epoch from case q.status when 'open' then now() else q.answered_at end
      - q.created_at)::float8 as seconds
  from howdah.questions as q
  join howdah.executions as e on e.id = q.execution_id
  left join howdah.agents as a on a.id = e.agent_id
  where q.kind = 'approval';
comment on view howdah.approval_times is
  'How long each approval of a tool call took, and who gave it. Open approvals count until now.';
comment on column howdah.approval_times.question_id is 'The question that asked for the approval.';
comment on column howdah.approval_times.agent is 'The agent that wanted to call the tool, by name.';
comment on column howdah.approval_times.answer is 'approve or reject; null without an answer.';
comment on column howdah.approval_times.answered_by is
  'Who answered. Null while the question is open, or after it was cancelled.';
comment on column howdah.approval_times.required_role is
  'Role that had to approve. Null for any admin or owner.';
comment on column howdah.approval_times.seconds is
  'Seconds from the question to its answer, or until now while it is open. Null if it ended '
  'without an answer.';
