-- Proposes memories of agents to the tenant, and decides about proposals
-- (10_private/knowledge/memories/memory_proposals.sql).
create or replace function howdah.propose_memory(id uuid) returns howdah.memories
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_old howdah.memories := howdah_private.lock_memory(propose_memory.id);
  v_memory howdah.memories := howdah_private.set_proposal(v_old, 'id');
begin
  perform howdah_private.audit_action(v_old.tenant_id, 'propose', 'memories', v_old.id::text)
  where v_old.proposal_status is null;
  return v_memory;
end $$;
comment on function howdah.propose_memory(uuid) is
  'Proposes a memory of an agent as a memory of the tenant. Nobody else recalls it until it is '
  'approved (howdah.approve_memory). Raises HWCNF if it is already approved or rejected, or if the '
  'same text of another agent was rejected.';

create or replace function howdah.approve_memory(id uuid, content text default null)
  returns howdah.memories
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_origin howdah.memories := howdah_private.lock_proposal(approve_memory.id);
  v_earlier howdah.memories := howdah_private.lock_earlier_copy(v_origin);
  v_copy howdah.memories := howdah_private.said_memory('tenant', v_origin.tenant_id,
    v_origin.tenant_id, coalesce(approve_memory.content, v_origin.content), null);
begin
  v_copy.kind := v_origin.kind;
  v_copy.trust := v_origin.trust;
  v_copy.created_by := v_origin.created_by;
  v_copy.source_execution_id := v_origin.source_execution_id;
  v_copy.source_seq := v_origin.source_seq;
  v_copy.valid_from := v_origin.valid_from;
  v_copy.origin_id := v_origin.id;
  v_copy := case when v_earlier.id is null then howdah_private.add_memory(v_copy)
    else howdah_private.supersede_memory(v_earlier, v_copy) end;
  perform howdah_private.decide_proposal(v_origin, 'approved');
  perform howdah_private.audit_action(v_origin.tenant_id, 'approve', 'memories', v_origin.id::text,
    jsonb_build_object('memory_id', v_copy.id));
  return v_copy;
end $$;
comment on function howdah.approve_memory(uuid, text) is
  'Approves the proposal of a memory: adds a memory of the tenant with its text, or with this '
  'content, and returns it. It has the trust, the author and the source of the proposed memory, '
  'which origin_id names. The approval of a correction corrects what was approved before. Raises '
  'HWCNF if the proposal is not open, and HWDEN for a tool.';

create or replace function howdah.reject_memory(id uuid) returns howdah.memories
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_memory howdah.memories := howdah_private.decide_proposal(
    howdah_private.lock_proposal(reject_memory.id), 'rejected');
begin
  perform howdah_private.audit_action(
    v_memory.tenant_id, 'reject', 'memories', v_memory.id::text);
  return v_memory;
end $$;
comment on function howdah.reject_memory(uuid) is
  'Rejects the proposal of a memory. Its agent still recalls it, and the same text cannot be '
  'proposed again. Raises HWCNF if the proposal is not open, and HWDEN for a tool.';
