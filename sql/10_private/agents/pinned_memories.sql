-- Pinned memories: a block of at most 2,000 characters that is in the prompt of every run of an
-- agent. Its first entry is agents.working_memory, which people write as one text. The others are
-- memories, which tools and people edit between runs. A run keeps the block that it started with,
-- and after a handoff the block of its new agent at that time, so that the prompt stays the same
-- and caches of vendors work. A run stores ids, not texts, so a memory that is forgotten is gone
-- from the prompts of all runs. It copies the working memory, which has no id, until its contents
-- are erased.
--
-- Whoever fills the block speaks in every run of the agent. So external memories cannot be pinned,
-- and a run may pin only if an admin allows it (`"pin": true` in the configuration of `remember`).

-- Refuses to pin a memory that is not a valid memory of an agent, or that is external.
create or replace function howdah_private.check_pin(m howdah.memories, field text) returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if m.superseded_by is not null then
    raise exception using errcode = 'HWCNF',
      message = format('memory %s is already corrected', m.id),
      detail = jsonb_build_object('memory_id', m.id, 'superseded_by', m.superseded_by)::text,
      hint = format('Pin the memory that holds now: %s.', m.superseded_by);
  elsif m.scope <> 'agent' then
    raise exception using errcode = 'HWINV',
      message = format('a memory of the scope %s cannot be pinned', m.scope),
      detail = jsonb_build_object('field', check_pin.field, 'scope', m.scope)::text,
      hint = 'Pin memories of the scope agent.';
  elsif m.trust = 'external' then
    raise exception using errcode = 'HWINV',
      message = 'an external memory cannot be pinned',
      detail = jsonb_build_object('field', check_pin.field, 'trust', m.trust)::text,
      hint = 'Check the text and write it as a memory of your own.';
  end if;
end $$;

-- Refuses a block of more than 2,000 characters.
create or replace function howdah_private.check_block_length(
  agent_id uuid, length int, field text
) returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if check_block_length.length > 2000 then
    raise exception using errcode = 'HWINV',
      message = format('the working memory and the pinned memories of the agent would have %s '
        'characters, at most 2000 are allowed', check_block_length.length),
      detail = jsonb_build_object('field', check_block_length.field, 'agent_id',
        check_block_length.agent_id, 'length', check_block_length.length, 'most', 2000)::text,
      hint = 'Unpin another memory of the agent, or replace one by a shorter text.';
  end if;
end $$;

-- Checks the working memory of an agent. All runs of the agent read it as the word of a person, so
-- no run may write it: a run pins memories, whose trust is known. Waits for transactions that pin
-- memories of the agent, as set_pin does.
create or replace function howdah_private.check_working_memory(a howdah.agents) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if howdah_private.bound_execution_id() is not null then
    raise exception using errcode = 'HWDEN', message = 'a run cannot write the working memory',
      detail = jsonb_build_object('field', 'working_memory', 'agent_id', a.id)::text,
      hint = 'Pin a memory instead: the tool remember with pinned.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('howdah.memories ' || a.id, 0));
  perform howdah_private.check_block_length(
    a.id, (length(a.working_memory) + coalesce(sum(length(m.content)), 0))::int, 'working_memory')
  from howdah.memories as m
  where m.tenant_id = a.tenant_id and m.agent_id = a.id and m.is_pinned;
end $$;

-- Pins or unpins a memory that the caller has locked. Refuses a block of more than 2,000
-- characters. Two transactions that pin memories of an agent wait for each other here, so the sum
-- contains what the other one has pinned.
create or replace function howdah_private.set_pin(
  m howdah.memories, is_pinned boolean, field text
) returns howdah.memories
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_length int;
begin
  if m.is_pinned = set_pin.is_pinned then
    return m;
  end if;
  if set_pin.is_pinned then
    perform howdah_private.check_pin(m, set_pin.field);
    perform pg_advisory_xact_lock(hashtextextended('howdah.memories ' || m.subject_id, 0));
    select coalesce(sum(length(o.content)), 0) + length(m.content) + coalesce((
      select length(a.working_memory) from howdah.agents as a
      where a.id = m.agent_id and a.tenant_id = m.tenant_id
    ), 0) into v_length
    from howdah.memories as o
    where o.tenant_id = m.tenant_id and o.agent_id = m.agent_id and o.is_pinned and o.id <> m.id;
    perform howdah_private.check_block_length(m.agent_id, v_length, set_pin.field);
  end if;
  update howdah.memories as t set is_pinned = set_pin.is_pinned where t.id = m.id
  returning t.* into m;
  return m;
end $$;

-- Pins or unpins what a call of `remember` has written. A run that has read external content
-- changes nothing of the block, since all runs of the agent would read what it leaves there.
create or replace function howdah_private.pin_by_call(
  run howdah.executions, m howdah.memories, pinned boolean, configuration jsonb
) returns howdah.memories
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if pinned is null or (m.is_pinned = pinned) then
    return m;
  elsif configuration -> 'pin' is distinct from 'true' then
    raise exception using errcode = 'HWDEN', message = 'you may not pin memories',
      detail = '{"field": "pinned"}',
      hint = 'Omit pinned. An admin allows it by "pin": true in the configuration of the tool.';
  elsif run.trust = 'external' then
    raise exception using errcode = 'HWDEN',
      message = 'you may not pin or unpin memories: this run has read external content',
      detail = jsonb_build_object('field', 'pinned', 'trust', run.trust)::text,
      hint = 'Omit pinned, or ask the user to pin the memory.';
  end if;
  return howdah_private.set_pin(m, pinned, 'pinned');
end $$;

-- Stores the working memory and the pinned memories of runs that start now, or that were just
-- handed over. A fork has the memories of the steps that it copies. A run of one tool has no
-- prompt, and no run that undoes calls has one.
create or replace function howdah_private.store_run_memories(ids uuid[], is_handoff boolean)
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah_private.run_memories (
    execution_id, tenant_id, handoffs, memory_ids, working_memory
  )
  select e.id, e.tenant_id, e.handoffs, coalesce(p.memory_ids, '{}'), a.working_memory
  from howdah.executions as e
  join howdah.agents as a on a.id = e.agent_id and a.tenant_id = e.tenant_id
  cross join lateral (
    select array_agg(m.id order by m.id) as memory_ids from howdah.memories as m
    where m.tenant_id = e.tenant_id and m.agent_id = e.agent_id and m.is_pinned
      and m.valid_from <= now()
  ) as p
  where e.id = any (store_run_memories.ids)
    and num_nonnulls(p.memory_ids, a.working_memory) > 0
    and (store_run_memories.is_handoff
      or (e.started_at is null and coalesce(e.forked_from_seq, 0) = 0))
    and e.compensates_execution_id is null and (e.overrides ? 'tool') is not true
  on conflict do nothing
$$;

-- Returns the lowest trust of the memories that a run was given. A working memory is by people.
create or replace function howdah_private.trust_of_run_memories(execution_id uuid)
  returns howdah.trust
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select greatest(max(m.trust),
    max(case when r.working_memory is not null then 'user' end::howdah.trust))
  from howdah_private.run_memories as r
  left join howdah.memories as m on m.id = any (r.memory_ids) and m.tenant_id = r.tenant_id
  where r.execution_id = trust_of_run_memories.execution_id
$$;

-- Returns the block of a run, a row for each agent that has had the run and had one. The working
-- memory comes first, under its name in place of an id. A memory that was forgotten since keeps its
-- place, without its text.
create or replace function howdah_private.pinned_memories_of(execution_id uuid)
  returns table (handoffs int, memories jsonb)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select r.handoffs, to_jsonb(array_agg(b.entry order by b.place))
  from howdah_private.run_memories as r
  cross join lateral (
    select 0 as place, jsonb_build_object(
      'id', 'working_memory', 'content', r.working_memory, 'trust', 'user') as entry
    where r.working_memory is not null
    union all
    select i.place, jsonb_build_object('id', i.id, 'content', coalesce(m.content, '[forgotten]'),
      'trust', coalesce(m.trust, 'internal'))
    from unnest(r.memory_ids) with ordinality as i (id, place)
    left join howdah.memories as m on m.id = i.id and m.tenant_id = r.tenant_id
  ) as b
  where r.execution_id = pinned_memories_of.execution_id
  group by r.handoffs
$$;

-- Returns what a claim adds to the overrides of a run: the pinned memories of its present agent.
create or replace function howdah_private.pinned_overrides(execution_id uuid, handoffs int)
  returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('pinned_memories', p.memories)
  from howdah_private.pinned_memories_of(pinned_overrides.execution_id) as p
  where p.handoffs = pinned_overrides.handoffs
$$;

-- Returns the pinned memories of a run as a part of its export, from which requests are rebuilt.
-- The part is empty if there are none, or if the caller may not see the run.
create or replace function howdah_private.exported_memories_of_run(
  execution_id uuid, redact boolean
) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case when count(*) = 0 then '{}' else jsonb_build_object('pinned_memories',
    to_jsonb(array_agg(jsonb_build_object('handoffs', p.handoffs, 'memories',
      case when exported_memories_of_run.redact then (
        select to_jsonb(array_agg(m.memory || '{"content": "[redacted]"}' order by m.place))
        from jsonb_array_elements(p.memories) with ordinality as m (memory, place)
      ) else p.memories end) order by p.handoffs))) end
  from howdah.executions as e cross join howdah_private.pinned_memories_of(e.id) as p
  where e.id = exported_memories_of_run.execution_id and howdah_private.can_act_for(e.tenant_id)
    and howdah_private.sees_agent(coalesce(e.agent_id, e.workflow_id))
$$;
