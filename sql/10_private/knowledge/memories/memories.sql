-- Long-term memory: what agents and people keep about a user, an agent, a session or the tenant.
-- Rows are only added. A correction adds a row and ends the earlier one in the same transaction,
-- and deletes the terms of the earlier one, so that recall cannot find it. Forgetting a memory
-- deletes it with all that it has replaced.
--
-- The same content again adds no row: a unique index over the digest decides, so that two
-- transactions that write it at once add one row. A text that is told twice is no more certain, so
-- the row keeps its trust.

-- Returns the digest by which the same content is recognized: other spaces make no difference.
create or replace function howdah_private.memory_digest(content text) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select md5(btrim(regexp_replace(
    howdah_private.visible_text(memory_digest.content), '\s+', ' ', 'g')))
$$;

-- Returns the stems of the words of a text. Stems of English apply to all texts: words of other
-- languages are cut in the same way in a memory and in a question.
create or replace function howdah_private.memory_words(words text) returns setof text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select unnest(tsvector_to_array(to_tsvector('english', memory_words.words)))
$$;

-- Returns the subject of a memory, which the caller may read: of the scope user the caller, of the
-- scope tenant the tenant. Raises an error for a subject that does not exist, or is hidden.
create or replace function howdah_private.find_memory_subject(
  scope howdah.memory_scope, inout subject_id uuid, out tenant_id uuid
)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_given uuid := subject_id;
begin
  tenant_id := howdah.current_tenant();
  subject_id := coalesce(subject_id, case find_memory_subject.scope
    when 'user' then howdah.current_user_id() when 'tenant' then tenant_id end);
  if subject_id is null or (find_memory_subject.scope = 'tenant' and subject_id <> tenant_id) then
    raise exception using errcode = 'HWINV',
      message = case when v_given is null
        then format('subject_id is missing for the scope %s', find_memory_subject.scope)
        else format('subject_id %s is not the tenant', v_given) end,
      detail = jsonb_build_object('field', 'subject_id',
        'scope', find_memory_subject.scope)::text,
      hint = 'Name the user, agent or session. Leave subject_id out for the scope tenant, and for '
        'memories about yourself.';
  end if;
  case find_memory_subject.scope
    when 'user' then
      if subject_id is distinct from howdah.current_user_id() then
        perform howdah_private.permit('users', 'manage');
        tenant_id := (howdah_private.find_user(subject_id)).tenant_id;
      end if;
    when 'agent' then
      select a.tenant_id into tenant_id from howdah.agents as a
      where a.id = find_memory_subject.subject_id and howdah_private.can_act_for(a.tenant_id)
        and howdah_private.sees_agent(a.id) and a.deleted_at is null;
      if tenant_id is null then
        raise exception using errcode = 'HWNTF',
          message = format('there is no agent %s', subject_id),
          detail = jsonb_build_object('field', 'subject_id', 'agent_id', subject_id)::text,
          hint = 'See howdah.agents for the agents that exist.';
      end if;
    when 'session' then
      tenant_id := (howdah_private.find_session(subject_id)).tenant_id;
    else null;
  end case;
end $$;

-- Raises an error unless the caller may write memories about a subject, which exists. Those about
-- the tenant are for everybody who may write documents, those about an agent for its editors.
create or replace function howdah_private.check_memory_right(
  scope howdah.memory_scope, subject_id uuid
) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.permit('memories', 'run');
  case check_memory_right.scope
    when 'agent' then
      perform howdah_private.check_agent_right(check_memory_right.subject_id, 'edit');
    when 'session' then
      perform howdah_private.check_session_right(check_memory_right.subject_id);
    when 'tenant' then
      perform howdah_private.permit('documents', 'edit');
    else null;
  end case;
end $$;

-- Returns a memory that the caller may write, and locks it. A memory that the caller cannot see is
-- reported as missing.
create or replace function howdah_private.lock_memory(id uuid) returns howdah.memories
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_memory howdah.memories;
begin
  perform howdah_private.lock_caller();
  select m.* into v_memory from howdah.memories as m
  where m.id = lock_memory.id and howdah_private.can_act_for(m.tenant_id)
    and howdah_private.sees_agent(m.agent_id)
    and (m.user_id is null or m.user_id = howdah.current_user_id()
      or howdah_private.may('users', 'manage'))
    and (m.session_id is null or exists (
      select from howdah.sessions as s where s.id = m.session_id
        and howdah_private.sees_agent(coalesce(s.agent_id, s.workflow_id))))
  for update;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no memory %s', coalesce(lock_memory.id::text, 'null')),
      detail = jsonb_build_object('field', 'id', 'memory_id', lock_memory.id)::text,
      hint = 'See howdah.memories for the memories that exist.';
  end if;
  perform howdah_private.check_memory_right(v_memory.scope, v_memory.subject_id);
  return v_memory;
end $$;

-- Refuses a text that is empty or too long, and a memory of a subject that has the maximum. The
-- maximum counts earlier versions too. Writers at the same time do not wait for each other, so they
-- may exceed it by the number of them.
create or replace function howdah_private.check_memory(m howdah.memories) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if m.content is null or m.content !~ '\S' or length(m.content) > 2000 then
    raise exception using errcode = 'HWINV',
      message = 'content must have 1 to 2000 characters',
      detail = '{"field": "content"}',
      hint = 'Divide a longer text into several memories, or store it as a document.';
  elsif m.content ~ '[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f]' then
    raise exception using errcode = 'HWINV',
      message = 'content has a control character', detail = '{"field": "content"}',
      hint = 'Remove it. Line breaks and tabs are allowed.';
  elsif m.valid_from not between '0001-01-02' and '9999-12-30' then
    raise exception using errcode = 'HWINV',
      message = format('valid_from is %s, which is not in the years 1 to 9999', m.valid_from),
      detail = '{"field": "valid_from"}', hint = 'Write a time such as 2026-07-21T09:00:00Z.';
  end if;
  if (
    select count(*) >= 10000 from howdah.memories as o
    where o.tenant_id = m.tenant_id and o.subject_id = m.subject_id
  ) then
    raise exception using errcode = 'HWQTA',
      message = format('this %s has 10000 memories, the maximum', m.scope),
      detail = jsonb_build_object('field', 'subject_id', 'subject_id', m.subject_id,
        'max_value', 10000)::text,
      hint = 'Forget memories that are no longer needed: howdah.forget(id).';
  end if;
end $$;

-- Adds a memory, and returns it, or the valid memory of the subject with the same content. That
-- memory may be forgotten meanwhile, so the insert is tried again.
create or replace function howdah_private.add_memory(m howdah.memories) returns howdah.memories
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_memory howdah.memories;
begin
  m.content := btrim(m.content, E' \t\r\n');
  m.digest := howdah_private.memory_digest(m.content);
  loop
    select o.* into v_memory from howdah.memories as o
    where o.tenant_id = m.tenant_id and o.subject_id = m.subject_id and o.scope = m.scope
      and o.digest = m.digest and o.superseded_by is null
    for key share;
    if found then
      return v_memory;
    end if;
    perform howdah_private.check_memory(m);
    insert into howdah.memories as o (tenant_id, scope, subject_id, kind, content, digest, trust,
      created_by, valid_from, source_execution_id, source_seq, origin_id)
    values (m.tenant_id, m.scope, m.subject_id, m.kind, m.content, m.digest, m.trust, m.created_by,
      coalesce(m.valid_from, now()), m.source_execution_id, m.source_seq, m.origin_id)
    on conflict (tenant_id, subject_id, scope, digest) where superseded_by is null do nothing
    returning * into v_memory;
    if found then
      return v_memory;
    end if;
  end loop;
end $$;

-- Replaces a valid memory, which the caller has locked, by one with another content. Returns the
-- memory that holds now: the same one if the content is the same. The correction of a pinned memory
-- is pinned. An open proposal ends, since it was of the earlier content.
create or replace function howdah_private.supersede_memory(old howdah.memories, new howdah.memories)
  returns howdah.memories
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_memory howdah.memories;
begin
  if old.superseded_by is not null then
    raise exception using errcode = 'HWCNF',
      message = format('memory %s is already corrected', old.id),
      detail = jsonb_build_object('memory_id', old.id, 'superseded_by', old.superseded_by)::text,
      hint = format('Correct the memory that holds now: %s.', old.superseded_by);
  end if;
  new.tenant_id := old.tenant_id;
  new.scope := old.scope;
  new.subject_id := old.subject_id;
  new.kind := old.kind;
  new.valid_from := case when old.valid_from > now() then old.valid_from end;
  v_memory := howdah_private.add_memory(new);
  if v_memory.id <> old.id then
    update howdah.memories as m set superseded_by = v_memory.id,
      valid_to = greatest(now(), m.valid_from), is_pinned = false,
      proposal_status = nullif(m.proposal_status, 'open'),
      proposed_at = case when m.proposal_status <> 'open' then m.proposed_at end
    where m.id = old.id;
    if old.is_pinned then
      v_memory := howdah_private.set_pin(v_memory, true, 'content');
    end if;
  end if;
  return v_memory;
end $$;

-- Returns what the caller writes as a row: with the source and the trust of the run whose SQL is
-- running, else as a person. Applies the filters for what people send.
create or replace function howdah_private.said_memory(
  scope howdah.memory_scope, subject_id uuid, tenant_id uuid, content text, trust howdah.trust
) returns howdah.memories
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_memory howdah.memories;
  v_run_id uuid := howdah_private.bound_execution_id();
begin
  v_memory.tenant_id := said_memory.tenant_id;
  v_memory.scope := said_memory.scope;
  v_memory.subject_id := said_memory.subject_id;
  v_memory.created_by := howdah_private.actor();
  v_memory.trust := greatest('user', said_memory.trust, case when v_run_id is not null
    then greatest('internal', howdah_private.bound_trust()) end);
  v_memory.source_execution_id := v_run_id;
  v_memory.source_seq := (
    select (howdah_private.with_head(e)).step_count + 1 from howdah.executions as e
    where e.id = v_run_id);
  select f.value into v_memory.content from howdah_private.filter_text(
    coalesce(howdah_private.input_filters(said_memory.tenant_id, howdah_private.agent_of_memory(
      said_memory.scope, said_memory.subject_id)), '{}'),
    'content', said_memory.content, null) as f;
  return v_memory;
end $$;

-- Returns the agent whose filters apply to a memory: that of the memory or of its session.
create or replace function howdah_private.agent_of_memory(
  scope howdah.memory_scope, subject_id uuid
) returns uuid
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case agent_of_memory.scope
    when 'agent' then agent_of_memory.subject_id
    when 'session' then (
      select s.agent_id from howdah.sessions as s where s.id = agent_of_memory.subject_id)
  end
$$;

-- Returns the best memories of subjects for a question. The score is the sum of the weights of the
-- words that a memory has, ln(1 + (N - n + 0.5) / (n + 0.5)) for a word that n of N memories have.
-- Of memories with the same content in several scopes, the most trusted one counts. At most 64
-- words of a question are looked for. Each subject has at most 10,000 memories, so the time is
-- bounded.
create or replace function howdah_private.ranked_memories(
  tenant_id uuid, subjects uuid[], query text, k int
) returns table (id uuid, score float8)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp set jit = off
  set plan_cache_mode = force_custom_plan set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_words text[] := array(
    select w.word from howdah_private.memory_words(ranked_memories.query) as w (word) limit 64);
  v_count float8;
begin
  select count(*) into v_count from howdah.memories as m
  where m.tenant_id = ranked_memories.tenant_id
    and m.subject_id = any (ranked_memories.subjects) and m.superseded_by is null;
  return query
  with hits as (
    select t.memory_id, count(*) over (partition by t.term) as n
    from howdah_private.memory_terms as t
    where t.subject_id = any (ranked_memories.subjects) and t.term = any (v_words)
  ),
  scored as materialized (
    select h.memory_id, sum(ln(1 + (v_count - h.n + 0.5) / (h.n + 0.5))) as score
    from hits as h group by h.memory_id
  ),
  distinct_contents as (
    select distinct on (m.digest) m.id, s.score
    from scored as s cross join lateral (
      select o.* from howdah.memories as o where o.id = s.memory_id offset 0
    ) as m
    where m.tenant_id = ranked_memories.tenant_id and m.superseded_by is null
      and m.valid_from <= now()
    order by m.digest, m.trust, m.id desc
  )
  select d.id, d.score from distinct_contents as d order by d.score desc, d.id desc
  limit ranked_memories.k;
end $$;

-- Refuses a question without text, and a number of memories out of range.
create or replace function howdah_private.check_recall(query text, k int) returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_field text := case
    when query is null or query !~ '\S' or length(query) > 10000 then 'query'
    when (k between 1 and 1000) is not true then 'k' end;
begin
  if v_field is not null then
    raise exception using errcode = 'HWINV',
      message = case v_field when 'query' then 'query must have 1 to 10000 characters, and a word'
        else format('k must be from 1 to 1000, not %s', coalesce(k::text, 'null')) end,
      detail = jsonb_build_object('field', v_field)::text,
      hint = case v_field when 'query' then 'Ask in words that the memories may contain.'
        else 'k is the number of memories to return; the default is 10.' end;
  end if;
end $$;
