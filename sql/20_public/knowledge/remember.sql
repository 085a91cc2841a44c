-- Writes memories of people: adds, corrects and forgets them
-- (10_private/knowledge/memories/memories.sql).
create or replace function howdah.remember(
  content text, scope howdah.memory_scope default 'user', subject_id uuid default null,
  kind howdah.memory_kind default 'fact', valid_from timestamptz default null,
  trust howdah.trust default 'user'
) returns howdah.memories
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_scope howdah.memory_scope := coalesce(remember.scope, 'user');
  v_subject record;
  v_memory howdah.memories;
begin
  perform howdah_private.lock_caller();
  v_subject := howdah_private.find_memory_subject(v_scope, remember.subject_id);
  perform howdah_private.check_memory_right(v_scope, v_subject.subject_id);
  v_memory := howdah_private.said_memory(
    v_scope, v_subject.subject_id, v_subject.tenant_id, remember.content, remember.trust);
  v_memory.kind := coalesce(remember.kind, 'fact');
  v_memory.valid_from := remember.valid_from;
  return howdah_private.add_memory(v_memory);
end $$;
comment on function howdah.remember(
  text, howdah.memory_scope, uuid, howdah.memory_kind, timestamptz, howdah.trust) is
  'Remembers a text of at most 2000 characters about a user (by default the caller), an agent, a '
  'session or the tenant, for later runs. The same content again adds no row, and returns the '
  'memory that is there. Set trust to external for a text that somebody else wrote.';

-- Corrects a memory: adds one with the new content, which supersedes it from now on.
create or replace function howdah.correct_memory(id uuid, content text) returns howdah.memories
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_old howdah.memories := howdah_private.lock_memory(correct_memory.id);
  v_memory howdah.memories;
begin
  v_memory := howdah_private.supersede_memory(v_old, howdah_private.said_memory(
    v_old.scope, v_old.subject_id, v_old.tenant_id, correct_memory.content, null));
  perform howdah_private.audit_action(v_old.tenant_id, 'correct', 'memories', v_old.id::text,
    jsonb_build_object('superseded_by', v_memory.id))
  where v_memory.id <> v_old.id;
  return v_memory;
end $$;
comment on function howdah.correct_memory(uuid, text) is
  'Corrects a memory: adds a memory with this content, which is recalled from now on in place of '
  'the earlier one, and returns it. The earlier one stays in howdah.memories with its end, until '
  'it is forgotten. Raises HWCNF if the memory is already corrected.';

-- Deletes a memory, its terms, and the earlier memories that it has corrected. The foreign key of
-- superseded_by deletes these.
create or replace function howdah.forget(id uuid) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_memory howdah.memories := howdah_private.lock_memory(forget.id);
begin
  delete from howdah.memories as m where m.id = v_memory.id;
  perform howdah_private.audit_action(
    v_memory.tenant_id, 'forget', 'memories', v_memory.id::text);
  return true;
end $$;
comment on function howdah.forget(uuid) is
  'Deletes a memory, the words by which it is found, and the earlier memories that it corrected.';

-- Pins or unpins a memory of an agent.
create or replace function howdah.pin_memory(id uuid, is_pinned boolean default true)
  returns howdah.memories
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_old howdah.memories := howdah_private.lock_memory(pin_memory.id);
  v_memory howdah.memories := howdah_private.set_pin(
    v_old, coalesce(pin_memory.is_pinned, true), 'is_pinned');
begin
  perform howdah_private.audit_action(v_old.tenant_id,
    case when v_memory.is_pinned then 'pin' else 'unpin' end, 'memories', v_old.id::text)
  where v_memory.is_pinned <> v_old.is_pinned;
  return v_memory;
end $$;
comment on function howdah.pin_memory(uuid, boolean) is
  'Pins a memory of an agent, so that it is in the prompt of every run of the agent that starts '
  'from now on, or unpins it. The pinned memories of an agent have at most 2000 characters. Raises '
  'HWINV beyond that, and for an external memory or one of another scope.';
