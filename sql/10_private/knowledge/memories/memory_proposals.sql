-- Proposals: a memory of an agent becomes one of the tenant when a person approves it. The memory
-- itself carries the proposal, and its content never changes, so what a person approves is what was
-- proposed. Nobody else recalls it before: recall reads memories of a subject, and the approval
-- adds a memory whose subject is the tenant.
--
-- That copy has the source, the author and the trust of its origin, also with a corrected text. So
-- a text from outside stays external, and the erasure of a user deletes both or neither. When the
-- origin is corrected or forgotten, a trigger says so at the copy (30_triggers/memories.sql).

-- Raises HWCNF for a memory that is corrected.
create or replace function howdah_private.check_proposed_version(m howdah.memories) returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if m.superseded_by is not null then
    raise exception using errcode = 'HWCNF',
      message = format('memory %s is already corrected', m.id),
      detail = jsonb_build_object('memory_id', m.id, 'superseded_by', m.superseded_by)::text,
      hint = format('Propose the memory that holds now: %s.', m.superseded_by);
  end if;
end $$;

-- Proposes a memory that the caller has locked. A memory whose proposal is open stays as it is. A
-- text that was rejected once is refused for every agent, since asking again is no new reason. An
-- agent has at most 100 open proposals, so that a loop does not bury those of others.
create or replace function howdah_private.set_proposal(m howdah.memories, field text)
  returns howdah.memories
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_decided howdah.memories := m;
begin
  if m.scope <> 'agent' then
    raise exception using errcode = 'HWINV',
      message = format('a memory of the scope %s cannot be proposed', m.scope),
      detail = jsonb_build_object('field', set_proposal.field, 'scope', m.scope)::text,
      hint = 'Propose memories of the scope agent.';
  end if;
  perform howdah_private.check_proposed_version(m);
  if m.proposal_status = 'open' then
    return m;
  elsif m.proposal_status is null then
    select o.* into v_decided from howdah.memories as o
    where o.tenant_id = m.tenant_id and o.digest = m.digest and o.proposal_status = 'rejected'
    order by o.id limit 1;
  end if;
  if v_decided.id is not null then
    raise exception using errcode = 'HWCNF',
      message = format('this memory is already %s', v_decided.proposal_status),
      detail = jsonb_build_object('field', set_proposal.field, 'memory_id', v_decided.id,
        'proposal_status', v_decided.proposal_status)::text,
      hint = 'Propose another text, or write it as a memory of the tenant: howdah.remember.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('howdah.memories ' || m.subject_id, 0));
  if (
    select count(*) >= 100 from howdah.memories as o
    where o.tenant_id = m.tenant_id and o.agent_id = m.agent_id and o.proposal_status = 'open'
  ) then
    raise exception using errcode = 'HWQTA',
      message = 'this agent has 100 open proposals, the maximum',
      detail = jsonb_build_object('field', set_proposal.field, 'agent_id', m.agent_id,
        'max_value', 100)::text,
      hint = 'Approve or reject proposals first: howdah.approve_memory, howdah.reject_memory.';
  end if;
  update howdah.memories as t set proposal_status = 'open', proposed_at = now() where t.id = m.id
  returning t.* into m;
  return m;
end $$;

-- Proposes what a call of `remember` has written, if an admin allows it.
create or replace function howdah_private.propose_by_call(
  m howdah.memories, is_proposed boolean, configuration jsonb
) returns howdah.memories
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if is_proposed is not true then
    return m;
  elsif configuration -> 'propose' is distinct from 'true' then
    raise exception using errcode = 'HWDEN', message = 'you may not propose memories',
      detail = '{"field": "proposed"}',
      hint = 'Omit proposed. An admin allows it by "propose": true in the configuration of the '
        'tool.';
  end if;
  return howdah_private.set_proposal(m, 'proposed');
end $$;

-- Returns a memory with an open proposal that the caller may decide about, and locks it. Deciding
-- needs the right to write memories of the tenant. No tool decides, so that no agent approves what
-- it has proposed.
create or replace function howdah_private.lock_proposal(id uuid) returns howdah.memories
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_memory howdah.memories;
begin
  perform howdah_private.lock_caller();
  select m.* into v_memory from howdah.memories as m
  where m.id = lock_proposal.id and howdah_private.can_act_for(m.tenant_id)
    and howdah_private.sees_agent(m.agent_id) and m.scope = 'agent'
  for update;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no proposal of memory %s',
        coalesce(lock_proposal.id::text, 'null')),
      detail = jsonb_build_object('field', 'id', 'memory_id', lock_proposal.id)::text,
      hint = 'See howdah.memories with proposal_status = ''open''.';
  elsif howdah_private.is_bound() then
    raise exception using errcode = 'HWDEN',
      message = format('a tool may not decide about memory %s', v_memory.id),
      detail = jsonb_build_object('field', 'id', 'memory_id', v_memory.id)::text,
      hint = 'Let a person approve or reject it.';
  end if;
  perform howdah_private.check_memory_right('tenant', v_memory.tenant_id);
  perform howdah_private.check_proposed_version(v_memory);
  if v_memory.proposal_status is distinct from 'open' then
    raise exception using errcode = 'HWCNF',
      message = format('memory %s is %s', v_memory.id, coalesce(
        'already ' || v_memory.proposal_status, 'not proposed')),
      detail = jsonb_build_object('field', 'id', 'memory_id', v_memory.id,
        'proposal_status', v_memory.proposal_status, 'decided_by', v_memory.decided_by)::text,
      hint = 'The first decision counts. Propose a memory by howdah.propose_memory(id).';
  end if;
  return v_memory;
end $$;

-- Records a decision about a memory that the caller has locked.
create or replace function howdah_private.decide_proposal(
  m howdah.memories, status howdah.proposal_status
) returns howdah.memories
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah.memories as t set proposal_status = decide_proposal.status, decided_at = now(),
    decided_by = howdah_private.actor()
  where t.id = m.id returning t.*
$$;

-- Returns the valid memory of the tenant that an earlier version of a memory was approved as, and
-- locks it. The approval of the new version corrects it.
create or replace function howdah_private.lock_earlier_copy(m howdah.memories)
  returns howdah.memories
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with recursive earlier as (
    select o.id from howdah.memories as o
    where o.tenant_id = m.tenant_id and o.superseded_by = m.id
    union
    select o.id from earlier as e
    join howdah.memories as o on o.tenant_id = m.tenant_id and o.superseded_by = e.id
  )
  select c.* from howdah.memories as c
  where c.tenant_id = m.tenant_id and c.origin_id in (select e.id from earlier as e)
    and c.superseded_by is null
  order by c.id desc limit 1 for update
$$;
