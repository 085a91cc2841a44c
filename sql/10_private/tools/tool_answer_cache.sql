-- The cache of answers of tools: a tool with cache_answers_for gives an equal call the answer of an
-- earlier run.
--
--   before a call    → use_cached_tool_answer   a hit is a step without a call
--   after its commit → cache_tool_answer        the answer may be used from now on
--
-- The answers are in cached_answers, beside those of models (answer_cache.sql). Which calls are
-- equal is decided here, since a worker does not know whose run it works on.

-- Returns what a tool may see of its run: SQL and TypeScript tools know the run, and others only
-- get their arguments. The metadata of an evaluation has the evaluation and the repeat, which
-- changes nothing for the tool; the repeat is part of the key anyway.
create or replace function howdah_private.context_of_call(e howdah.executions, t howdah.tools)
  returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_array(e.session_id, coalesce(h.trust, e.trust), case
    when exists (select from howdah.evaluation_results as r where r.execution_id = e.id)
    then e.metadata - array['evaluation_id', 'repeat'] else e.metadata end)
  from (select) as one
  left join howdah_private.run_heads as h on h.execution_id = e.id
  where t.kind in ('sql', 'custom')
$$;

-- Returns the digest of everything on which the answer to a call may depend. `digest` is that of
-- the definition of the tool and the arguments. Added are the user and the context of the run, the
-- accounts that the run may use since they were connected, and what no definition contains: the
-- version of the function, and the address of the MCP server.
create or replace function howdah_private.tool_answer_key(
  e howdah.executions, t howdah.tools, digest bytea
) returns bytea
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select sha256(tool_answer_key.digest || convert_to(jsonb_build_object(
    'tool', t.id, 'user', e.user_id, 'context', howdah_private.context_of_call(e, t),
    'accounts', (
      select to_jsonb(array_agg(array[a.id::text, a.connected_at::text] order by a.id))
      from howdah.connected_accounts as a
      where a.tenant_id = e.tenant_id and (a.user_id is null or a.user_id = e.user_id)
        and a.status = 'connected'),
    -- to_regprocedure needs the right to use the schema
    'function', (
      select to_jsonb(array_agg(array[p.oid::text, p.xmin::text] order by p.oid))
      from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
      where t.kind = 'sql' and n.nspname = t.configuration ->> 'schema'
        and p.proname = t.configuration ->> 'function'),
    'server', (
      select howdah_private.mcp_revision(s) from howdah.mcp_servers as s
      where s.tenant_id = t.tenant_id and s.id = t.server_id)
  )::text, 'UTF8'))
$$;

-- Returns the key of a call, and the answer to an equal call if there is one, and counts the hit.
-- Returns no row for a run that has to make its calls. As for models, only completed runs give
-- answers, and no run gets an answer of its own. An answer from before the last change of the tool
-- is not used.
create or replace function howdah_private.use_cached_tool_answer(
  execution_id uuid, tool_id uuid, digest bytea
) returns table (
  key bytea, answered_by uuid, step_seq int, output jsonb, content text, trust howdah.trust
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_run howdah.executions;
  v_tool howdah.tools;
  v_key bytea;
  v_repeat int;
begin
  select e.* into v_run from howdah.executions as e
  where e.id = use_cached_tool_answer.execution_id and e.agent_id is not null;
  select t.* into v_tool from howdah.tools as t
  where t.tenant_id = v_run.tenant_id and t.id = use_cached_tool_answer.tool_id
    and t.cache_answers_for is not null and t.is_active;
  if v_tool.id is null or howdah_private.is_asked_again(v_run) then
    return;
  end if;
  v_key := howdah_private.tool_answer_key(v_run, v_tool, use_cached_tool_answer.digest);
  v_repeat := howdah_private.repeat_of_root(v_run.root_execution_id);
  return query
  with found as (
    select c.execution_id, m.step_seq, s.output, m.content, m.trust
    from howdah_private.cached_answers as c
    join howdah.executions as o on o.id = c.execution_id
    join howdah.messages as m on m.execution_id = c.execution_id and m.seq = c.message_seq
    join howdah.steps as s on s.execution_id = c.execution_id and s.seq = m.step_seq
    where (c.tenant_id, c.agent_id, c.digest, c.repeat)
        = (v_run.tenant_id, v_run.agent_id, v_key, v_repeat)
      and c.execution_id <> v_run.id and o.status = 'completed'
      and c.cached_at > greatest(v_tool.updated_at,
        clock_timestamp() - make_interval(secs => v_tool.cache_answers_for))
      and num_nonnulls(o.contents_erased_at, o.contents_encrypted_at) = 0
  ),
  counted as (
    update howdah_private.cached_answers as c set hits = c.hits + 1
    where (c.tenant_id, c.agent_id, c.digest, c.repeat)
        = (v_run.tenant_id, v_run.agent_id, v_key, v_repeat)
      and exists (select from found)
  )
  select v_key, f.execution_id, f.step_seq, f.output, f.content, f.trust
  from (select) as one left join found as f on true;
end $$;

-- Puts the answer to a call into the cache, in place of an older one. `key` is what
-- use_cached_tool_answer returned before the call, so an account, function or server that changed
-- during the call gives no answer to later calls. Not cached are errors, answers that name a file
-- of the run, which other runs cannot read, and answers to which a person, a model or a filter
-- contributed.
create or replace function howdah_private.cache_tool_answer(
  execution_id uuid, tool_id uuid, key bytea, message_seq int
) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah_private.cached_answers as c
    (tenant_id, agent_id, digest, repeat, execution_id, message_seq, tool_id)
  select e.tenant_id, e.agent_id, cache_tool_answer.key,
    howdah_private.repeat_of_root(e.root_execution_id), e.id, m.seq, t.id
  from howdah.executions as e
  join howdah.messages as m
    on m.execution_id = e.id and m.seq = cache_tool_answer.message_seq
  join howdah.steps as s on s.execution_id = e.id and s.seq = m.step_seq
  join howdah.tools as t on t.tenant_id = e.tenant_id and t.id = cache_tool_answer.tool_id
  where e.id = cache_tool_answer.execution_id and e.agent_id is not null
    and t.cache_answers_for is not null
    and m.role = 'tool' and m.parts is null and s.kind = 'tool' and s.error is null
    and not exists (
      select from howdah.steps as o
      where o.execution_id = e.id and o.call_id = s.call_id
        and o.kind not in ('tool', 'tool_started', 'retry'))
    and not exists (
      select from howdah.resources as r
      where r.tenant_id = e.tenant_id and r.execution_id = e.root_execution_id
        and strpos(m.content, r.id::text) > 0)
  on conflict on constraint cached_answers_pkey do update
  set execution_id = excluded.execution_id, message_seq = excluded.message_seq,
    cached_at = clock_timestamp(), calls = c.calls + 1
$$;
