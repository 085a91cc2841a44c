-- The sources of all messages of a run that are not answers of its own model. Filter by one run:
-- where execution_id = …
create or replace view howdah.message_sources with (security_invoker = true) as
  select m.tenant_id, m.execution_id, m.seq, m.step_seq, m.trust, m.role,
    case when m.covers_to_seq is not null then 'summary' when m.seq = 1 or s.kind = 'input'
      then 'input' else s.kind::text end as kind,
    case when m.seq > 1 then s.name end as tool,
    case when s.kind = 'tool' then s.input ->> 'url' end as url,
    v.name as server,
    case when m.seq = 1 then e.parent_execution_id else c.id end as from_execution_id,
    m.created_at
  from howdah_private.message_log as m
  join howdah.executions as e on e.id = m.execution_id
  left join howdah.steps as s on s.execution_id = m.execution_id and s.seq = m.step_seq
  left join howdah.tools as t on t.tenant_id = m.tenant_id and t.name = s.name and s.kind = 'tool'
    and t.kind = 'mcp'
  left join howdah.mcp_servers as v on v.tenant_id = t.tenant_id and v.id = t.server_id
  left join lateral (
    select (b.output ->> 'execution_id')::uuid as id from howdah.steps as b
    where b.execution_id = m.execution_id and b.kind = 'child_started' and b.call_id = s.call_id
    order by b.seq desc limit 1
  ) as c on s.kind = 'tool'
  where m.role <> 'assistant' or m.trust = 'external';
comment on view howdah.message_sources is
  'The source of each message that a run received, and its trust: input, tools with URL, MCP '
  'server or child run, guards, summaries.';
comment on column howdah.message_sources.kind is
  'input, tool, guard, handoff, summary; model for an external engine, or for an answer for which '
  'the vendor searched.';
comment on column howdah.message_sources.url is 'The URL that the tool was called with.';
comment on column howdah.message_sources.server is 'The MCP server of the tool.';
comment on column howdah.message_sources.from_execution_id is
  'The run that wrote the message: the parent or a child.';
