-- The sources of all messages of a run that are not answers of its own model, and the chunks that
-- its answer cites. Filter by one run: where execution_id = …
create or replace view howdah.message_sources with (security_invoker = true) as
  select m.tenant_id, m.execution_id, m.seq, m.step_seq, m.trust, m.role,
    case when m.covers_to_seq is not null then 'summary' when m.seq = 1 or s.kind = 'input'
      then 'input' else s.kind::text end as kind,
    case when m.seq > 1 then s.name end as tool,
    case when s.kind = 'tool' then s.input ->> 'url' end as url,
    v.name as server,
    case when m.seq = 1 then e.parent_execution_id else c.id end as from_execution_id,
    m.created_at, null::uuid as document_id, null::bigint as chunk_number,
    null::int as start_offset, null::int as end_offset
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
  where m.role <> 'assistant' or m.trust = 'external'
  union all
  select c.tenant_id, c.execution_id, c.message_seq, c.step_seq, m.trust, m.role, 'citation',
    s.name, null, null, null, m.created_at, r.document_id, r.chunk_number, c.start_offset,
    c.end_offset
  from howdah.citations as c
  join howdah.search_results as r on r.tenant_id = c.tenant_id
    and r.execution_id = c.execution_id and r.step_seq = c.step_seq and r.rank = c.rank
  join howdah_private.message_log as m
    on m.execution_id = c.execution_id and m.seq = c.message_seq
  left join howdah.steps as s on s.execution_id = c.execution_id and s.seq = c.step_seq;
comment on view howdah.message_sources is
  'The source of each message that a run received, and its trust: input, tools with URL, MCP '
  'server or child run, guards, summaries. Also the chunks that its answer cites.';
comment on column howdah.message_sources.kind is
  'input, tool, guard, handoff, summary; model for an external engine, or for an answer for which '
  'the vendor searched; citation for a chunk that the answer cites.';
comment on column howdah.message_sources.url is 'The URL that the tool was called with.';
comment on column howdah.message_sources.server is 'The MCP server of the tool.';
comment on column howdah.message_sources.from_execution_id is
  'The run that wrote the message: the parent or a child.';
comment on column howdah.message_sources.document_id is 'The document of a citation.';
comment on column howdah.message_sources.chunk_number is
  'The chunk of a citation, as in search_results.';
comment on column howdah.message_sources.start_offset is
  'Number of characters of the message before a citation.';
comment on column howdah.message_sources.end_offset is
  'Number of characters of the message up to the end of a citation.';
