-- The answer cache: an agent with cache_answers_for uses an answer of a model again for an equal
-- request.
--
--   before a call of a model → use_cached_answer   a hit is a step without tokens and cost
--   after its commit         → cache_answer        the answer may be used from now on
--
-- The cache has no texts. A row refers to the message of a run, so what is erased, encrypted or
-- deleted there is not used any more.

-- Returns the repeat of the item that a root run evaluates; 1 for other runs. A repeat that got the
-- answer of another repeat would say nothing about the noise.
create or replace function howdah_private.repeat_of_root(root_execution_id uuid) returns int
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce((
    select max(r.repeat) from howdah.evaluation_results as r
    where r.execution_id = repeat_of_root.root_execution_id), 1)
$$;

-- Returns whether a run is in the tree of a fork, or of a run that was retried by hand. Who does
-- that wants another answer.
create or replace function howdah_private.is_asked_again(e howdah.executions) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from howdah.executions as r
    where r.id in (e.root_execution_id, e.id)
      and (r.forked_from_execution_id is not null or r.messages_at_retry > 0
        -- a workflow has no messages
        or r.workflow_id is not null and exists (
          select from howdah.steps as s
          where s.execution_id = r.id and s.kind = 'retry' and s.name = 'retry_execution')))
$$;

-- Returns the answer to an equal request of the agent that is at most `max_age` seconds old, and
-- counts the hit. Only runs that were completed give answers, so that no run fails as another one
-- did.
create or replace function howdah_private.use_cached_answer(
  execution_id uuid, digest bytea, max_age int
) returns table (
  answered_by uuid, step_seq int, content text, parts jsonb, tool_calls jsonb, finish_reason text
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
  with found as (
    select c.tenant_id, c.agent_id, c.digest, c.repeat, c.execution_id, m.step_seq, m.content,
      m.parts, m.tool_calls, s.output ->> 'finish_reason' as finish_reason,
      s.tokens_in + s.tokens_out as tokens, s.cost
    from howdah.executions as e
    join howdah_private.cached_answers as c on c.tenant_id = e.tenant_id
      and c.agent_id = e.agent_id and c.digest = use_cached_answer.digest
      and c.repeat = howdah_private.repeat_of_root(e.root_execution_id)
    join howdah.executions as o on o.id = c.execution_id
    join howdah.messages as m on m.execution_id = c.execution_id and m.seq = c.message_seq
    join howdah.steps as s on s.execution_id = c.execution_id and s.seq = m.step_seq
    where e.id = use_cached_answer.execution_id and c.execution_id <> e.id
      and not howdah_private.is_asked_again(e) and o.status = 'completed'
      and c.cached_at > clock_timestamp() - make_interval(secs => use_cached_answer.max_age)
      and num_nonnulls(o.contents_erased_at, o.contents_encrypted_at) = 0
  ),
  counted as (
    update howdah_private.cached_answers as c
    set hits = c.hits + 1, saved_tokens = c.saved_tokens + f.tokens,
      saved_cost = c.saved_cost + f.cost
    from found as f
    where (c.tenant_id, c.agent_id, c.digest, c.repeat)
      = (f.tenant_id, f.agent_id, f.digest, f.repeat)
  )
  select f.execution_id, f.step_seq, f.content, f.parts, f.tool_calls, f.finish_reason
  from found as f;
end $$;

-- Puts an answer of a run into the cache, in place of an older one to the same request. An answer
-- for which the model has read something outside is not cached, since its trust is that of the time
-- when it was read.
create or replace function howdah_private.cache_answer(
  execution_id uuid, digest bytea, message_seq int
) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah_private.cached_answers as c
    (tenant_id, agent_id, digest, repeat, execution_id, message_seq)
  select e.tenant_id, e.agent_id, cache_answer.digest,
    howdah_private.repeat_of_root(e.root_execution_id), e.id, m.seq
  from howdah.executions as e
  join howdah_private.message_log as m
    on m.execution_id = e.id and m.seq = cache_answer.message_seq
  where e.id = cache_answer.execution_id and e.agent_id is not null
    and m.role = 'assistant' and m.trust <> 'external' and not howdah_private.is_asked_again(e)
  on conflict on constraint cached_answers_pkey do update
  set execution_id = excluded.execution_id, message_seq = excluded.message_seq,
    cached_at = clock_timestamp(), calls = c.calls + 1
$$;

-- Deletes a batch of rows that no agent of their tenant may use any more. Returns their number.
create or replace function howdah_private.delete_old_cached_answers() returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_count int;
begin
  delete from howdah_private.cached_answers as c
  where (c.tenant_id, c.agent_id, c.digest, c.repeat) in (
    select o.tenant_id, o.agent_id, o.digest, o.repeat from howdah_private.cached_answers as o
    where o.cached_at < clock_timestamp() - interval '30 days'
    limit 10000 for update skip locked);
  get diagnostics v_count = row_count;
  return v_count;
end $$;
