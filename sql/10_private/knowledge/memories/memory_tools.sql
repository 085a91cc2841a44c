-- The tools `remember` and `recall`. The worker calls them in the transaction that commits the step
-- of the tool. A call reaches only what belongs to its run: the user, the agent and the session of
-- the run, and the tenant where an admin has set `"tenant": true` in the configuration of the tool.
-- The engine writes the source and the trust of a memory, never the model.

-- Returns the subjects that a call reaches, by scope. A run that reads the conversation of another
-- run (memory_extractions.sql) reaches the agent and the session of that run, in the scopes of the
-- policy.
create or replace function howdah_private.memory_subjects_of_call(
  run howdah.executions, configuration jsonb
) returns table (scope howdah.memory_scope, subject_id uuid)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select s.scope::howdah.memory_scope, s.subject_id
  from howdah.executions as r
  left join howdah_private.memory_extractions as x
    on x.execution_id = r.id and x.tenant_id = r.tenant_id
  cross join lateral (values
    (1, 'user', coalesce(run.user_id, r.user_id)), (2, 'session', coalesce(run.session_id,
      r.session_id, x.session_id)), (3, 'agent', coalesce(x.agent_id, run.agent_id)),
    (4, 'tenant', case when configuration -> 'tenant' = 'true' then run.tenant_id end)
  ) as s (place, scope, subject_id)
  where r.id = run.root_execution_id and s.subject_id is not null
    and (x.scopes is null or s.scope::howdah.memory_scope = any (x.scopes))
  order by s.place
$$;

-- Returns the subject of a new memory: that of the scope that the model names, else the first one
-- that the call reaches.
create or replace function howdah_private.memory_subject_of_call(
  run howdah.executions, name text, configuration jsonb,
  out scope howdah.memory_scope, out subject_id uuid
)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_known text[] := array(
    select s.scope::text from howdah_private.memory_subjects_of_call(run, configuration) as s);
begin
  select s.scope, s.subject_id into scope, subject_id
  from howdah_private.memory_subjects_of_call(run, configuration) as s
  where memory_subject_of_call.name is null or s.scope::text = memory_subject_of_call.name
  limit 1;
  if not found then
    raise exception using errcode = 'HWDEN',
      message = format('you may not remember anything in the scope %s',
        to_jsonb(left(memory_subject_of_call.name, 100))),
      detail = jsonb_build_object('field', 'scope')::text,
      hint = format('Your scopes: %s.', array_to_string(v_known, ', '));
  end if;
end $$;

-- Returns the kind and the source of a new memory. The source of what a run has learned from the
-- conversation of another run is the last step of that run, and its kind is one of the policy.
create or replace function howdah_private.origin_of_call(
  run howdah.executions, name text, out kind howdah.memory_kind, out execution_id uuid, out seq int
)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_read howdah_private.memory_extractions;
begin
  select x.* into v_read from howdah_private.memory_extractions as x
  where x.execution_id = run.root_execution_id and x.tenant_id = run.tenant_id;
  kind := coalesce(origin_of_call.name::howdah.memory_kind, v_read.kinds[1], 'fact');
  if kind <> all (v_read.kinds) then
    raise exception using errcode = 'HWDEN',
      message = format('you may not write memories of the kind %s', kind),
      detail = jsonb_build_object('field', 'kind', 'kind', kind)::text,
      hint = format('Your kinds: %s.', array_to_string(v_read.kinds, ', '));
  end if;
  select e.id, v_read.source_seq into execution_id, seq from howdah.executions as e
  where e.id = v_read.source_execution_id;
  if not found then
    execution_id := run.id;
    seq := run.step_count + 1; -- the step that this transaction commits
  end if;
end $$;

-- Adds or replaces a memory. A run that has read external content may replace external memories
-- only, so that it cannot undo what people said.
create or replace function howdah_private.call_remember(
  execution_id uuid, arguments jsonb, configuration jsonb
) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions := howdah_private.calling_run(call_remember.execution_id);
  v_new howdah.memories;
  v_old howdah.memories;
  v_memory howdah.memories;
begin
  select s.scope, s.subject_id into v_new.scope, v_new.subject_id
  from howdah_private.memory_subject_of_call(v_run, coalesce(arguments ->> 'scope',
    case when 'true' in (arguments -> 'pinned', arguments -> 'proposed') then 'agent' end),
    configuration) as s;
  v_new.tenant_id := v_run.tenant_id;
  select o.kind, o.execution_id, o.seq
  into v_new.kind, v_new.source_execution_id, v_new.source_seq
  from howdah_private.origin_of_call(v_run, arguments ->> 'kind') as o;
  v_new.trust := greatest('internal', v_run.trust);
  v_new.created_by := v_run.created_by;
  select f.value into v_new.content from howdah_private.filter_text(
    coalesce(howdah_private.input_filters(v_run.tenant_id, v_run.agent_id), '{}'),
    'content', arguments ->> 'content', null) as f;
  if arguments ->> 'replaces' is null then
    v_memory := howdah_private.add_memory(v_new);
  else
    v_old := howdah_private.memory_to_replace(v_run, arguments ->> 'replaces', configuration);
    v_memory := howdah_private.supersede_memory(v_old, v_new);
  end if;
  v_memory := howdah_private.pin_by_call(
    v_run, v_memory, (arguments ->> 'pinned')::boolean, configuration);
  v_memory := howdah_private.propose_by_call(
    v_memory, (arguments ->> 'proposed')::boolean, configuration);
  return jsonb_build_object('id', v_memory.id, 'scope', v_memory.scope, 'is_new',
    v_memory.created_at = now()
      and v_memory.source_execution_id is not distinct from v_new.source_execution_id
      and v_memory.source_seq is not distinct from v_new.source_seq)
    || case when v_memory.is_pinned then '{"pinned": true}' else '{}' end::jsonb
    || case when arguments -> 'proposed' = 'true' then '{"proposed": true}' else '{}' end::jsonb;
end $$;

-- Finds and locks the memory that a call replaces.
create or replace function howdah_private.memory_to_replace(
  run howdah.executions, id text, configuration jsonb
) returns howdah.memories
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_memory howdah.memories;
begin
  select m.* into v_memory
  from howdah_private.memory_subjects_of_call(run, configuration) as s
  join howdah.memories as m
    on m.tenant_id = run.tenant_id and m.scope = s.scope and m.subject_id = s.subject_id
  where m.id = howdah_private.parse_id(memory_to_replace.id)
  for update of m;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('you have no memory %s', to_jsonb(left(memory_to_replace.id, 100))),
      detail = '{"field": "replaces"}', hint = 'Use the id of a memory that recall has returned.';
  elsif run.trust = 'external' and v_memory.trust <> 'external' then
    raise exception using errcode = 'HWDEN',
      message = format('you may not replace memory %s: this run has read external content',
        v_memory.id),
      detail = jsonb_build_object('field', 'replaces', 'trust', v_memory.trust)::text,
      hint = 'Ask the user to correct the memory.';
  end if;
  return v_memory;
end $$;

-- Returns the memories that fit a question best, as many as fit into one result.
create or replace function howdah_private.call_recall(
  execution_id uuid, arguments jsonb, configuration jsonb
) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions := howdah_private.calling_run(call_recall.execution_id);
  v_subjects uuid[] := array(
    select s.subject_id from howdah_private.memory_subjects_of_call(v_run, configuration) as s
    where arguments ->> 'scope' is null or s.scope::text = arguments ->> 'scope');
begin
  perform howdah_private.check_recall(arguments ->> 'query', 1);
  return (
    with listed as (
      select r.score, m.id, jsonb_build_object('id', m.id, 'scope', m.scope, 'kind', m.kind,
        'content', m.content, 'trust', m.trust, 'since', m.valid_from) as memory
      from howdah_private.ranked_memories(v_run.tenant_id, v_subjects, arguments ->> 'query',
        least(coalesce((arguments ->> 'limit')::int, 10), 20)) as r
      join howdah.memories as m on m.id = r.id
    ),
    sized as (
      select l.*, sum(octet_length(l.memory::text)) over (order by l.score desc, l.id desc)
        as bytes
      from listed as l
    )
    select jsonb_build_object('memories', coalesce(
      to_jsonb(array_agg(s.memory order by s.score desc, s.id desc)), '[]'))
    from sized as s where s.bytes <= 60000);
end $$;

-- Returns the trust of the memories that a call has returned: the lowest of them.
create or replace function howdah_private.trust_of_memories(tenant_id uuid, value jsonb)
  returns howdah.trust
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(max(coalesce(m.trust, 'external')), 'system')
  from jsonb_array_elements(trust_of_memories.value -> 'memories') as f (memory)
  left join howdah.memories as m on m.tenant_id = trust_of_memories.tenant_id
    and m.id = (f.memory ->> 'id')::uuid
$$;
