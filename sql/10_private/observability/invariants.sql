-- Invariants of the engine. Returns one row per violation, for runs that are live or that ended
-- after `since`. Rules with a grace of ten seconds allow for changes in progress. howdah.violations
-- checks the last hour, howdah.check_all() everything, howdah.check_runs() the last hour of one
-- tenant. There may be a million live runs. So the first CTE keeps only the columns that the rules
-- need, one pass checks all rules about a run and its own log, and rules about children start from
-- the children. Compiling the query would cost more than it saves, so JIT is off. Each call plans
-- its queries for its tenant, so that the logs of other tenants are not read.
create or replace function howdah_private.find_violations(since timestamptz, only_tenant uuid)
  returns table (rule text, tenant_id uuid, execution_id uuid, detail text)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set jit = off
  set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  return query
  with runs as materialized (
    select e.id::uuid as id, e.tenant_id, e.status, e.waiting_for,
      greatest(e.run_at, e.wake_at) as due_at,
      coalesce(h.step_count, e.step_count) as step_count,
      coalesce(h.message_count, e.message_count) as message_count,
      coalesce(h.model_count, e.model_count) as model_count, e.max_steps,
      coalesce(h.tokens_in, e.tokens_in) as tokens_in,
      coalesce(h.tokens_out, e.tokens_out) as tokens_out, coalesce(h.cost, e.cost) as cost,
      case when h.step_count > e.step_count then 0 else e.crashes_without_progress end
        as crashes_without_progress,
      e.forked_from_seq, e.completed_at, e.agent_version_id, e.workflow_version_id,
      coalesce(h.trust, e.trust) as trust,
      e.updated_at < clock_timestamp() - interval '10 seconds' as is_quiet
    from howdah.executions as e
    left join howdah_private.run_heads as h on h.execution_id = e.id
    where (e.status in ('queued', 'running', 'waiting', 'paused')
        or e.completed_at >= find_violations.since)
      and (find_violations.only_tenant is null or e.tenant_id = find_violations.only_tenant)
  ),
  logs as materialized (
    select s.execution_id, count(*)::int as steps, min(s.seq) as first_seq,
      max(s.seq) as last_seq, sum(s.tokens_in) as tokens_in,
      sum(s.tokens_out) as tokens_out, sum(s.cost) as cost,
      count(*) filter (
        where s.kind = 'model' and s.seq > coalesce(r.forked_from_seq, 0))::int as answers,
      count(*) filter (
        where s.kind = 'output' and s.seq > coalesce(r.forked_from_seq, 0))::int as outputs,
      bool_or(s.tenant_id <> r.tenant_id) as is_foreign,
      bool_or(s.finished_at > r.completed_at + interval '1 second') as is_late,
      min(s.seq) filter (
        where jsonb_typeof(s.error) <> 'object' or jsonb_typeof(s.annotations) <> 'object'
          or s.kind in ('retry', 'error') and s.error is null) as malformed_seq
    from runs as r join howdah.steps as s on s.execution_id = r.id
    group by s.execution_id
  ),
  conversations as materialized (
    select m.execution_id, count(*)::int as messages, min(m.seq) as first_seq,
      max(m.seq) as last_seq, max(m.trust) filter (where m.role = 'tool') as lowest_trust,
      bool_or(m.tenant_id <> r.tenant_id) as is_foreign,
      min(m.seq) filter (
        where jsonb_typeof(m.parts) <> 'array' or jsonb_typeof(m.tool_calls) <> 'array'
          or (m.role = 'tool') <> (m.tool_call_id is not null)
          or (m.covers_from_seq is null) <> (m.covers_to_seq is null)
          or m.covers_from_seq > m.covers_to_seq
          or (m.content_is_output and (m.content is not null or m.role <> 'tool'))) as malformed_seq
    from runs as r join howdah_private.message_log as m on m.execution_id = r.id
    group by m.execution_id
  ),
  broken as materialized (
    select * from (
      select r.tenant_id, r.id, r.step_count, r.message_count, r.model_count, r.max_steps,
        r.tokens_in, r.tokens_out, r.cost, r.crashes_without_progress, l.steps,
        l.last_seq as last_step, t.messages, t.last_seq as last_message,
        l.malformed_seq as malformed_step, t.malformed_seq as malformed_message,
        l.tokens_in as log_tokens_in, l.tokens_out as log_tokens_out, l.cost as log_cost,
        coalesce(l.is_late, false) as is_late,
        (coalesce(l.steps, 0), coalesce(l.first_seq, 1), coalesce(l.last_seq, 0))
          <> (r.step_count, 1, r.step_count) as has_step_gap,
        (coalesce(t.messages, 0), coalesce(t.first_seq, 1), coalesce(t.last_seq, 0))
          <> (r.message_count, 1, r.message_count) as has_message_gap,
        (r.tokens_in, r.tokens_out, r.cost, r.model_count) <> (coalesce(l.tokens_in, 0),
          coalesce(l.tokens_out, 0), coalesce(l.cost, 0), coalesce(l.answers, 0))
          as is_wrongly_counted,
        r.model_count > r.max_steps as is_over_budget, t.lowest_trust,
        t.lowest_trust > r.trust as is_trusted_too_far,
        r.crashes_without_progress > 20 as is_over_attempts,
        r.status = 'completed' and coalesce(l.outputs, 0) <> 1 as is_without_output,
        coalesce(l.is_foreign, false) or coalesce(t.is_foreign, false) as is_foreign
      from runs as r
      left join logs as l on l.execution_id = r.id
      left join conversations as t on t.execution_id = r.id
    ) as b
    where b.is_late or b.has_step_gap or b.has_message_gap or b.is_wrongly_counted
      or b.is_over_budget or b.is_over_attempts or b.is_without_output or b.is_foreign
      or b.is_trusted_too_far or num_nonnulls(b.malformed_step, b.malformed_message) > 0
  ),
  calls as (
    select m.execution_id, c.call ->> 'id' as call_id
    from howdah.executions as r join howdah.messages as m on m.execution_id = r.id
    cross join lateral jsonb_array_elements(m.tool_calls) as c (call)
    where r.completed_at >= find_violations.since and r.status = 'completed'
      and (find_violations.only_tenant is null or r.tenant_id = find_violations.only_tenant)
  ),
  results as (
    select m.execution_id, m.tool_call_id as call_id
    from howdah.executions as r join howdah.messages as m on m.execution_id = r.id
    where r.completed_at >= find_violations.since and r.status = 'completed' and m.role = 'tool'
      and (find_violations.only_tenant is null or r.tenant_id = find_violations.only_tenant)
  )
  select v.* from (
  select 'lost_run', r.tenant_id, r.id, 'due since ' || r.due_at || ', no wake-up'
  from runs as r
  where (r.status = 'queued' or r.waiting_for = 'timer') and r.is_quiet
    and r.due_at < clock_timestamp() - interval '10 seconds'
    and not exists (
      select from howdah_private.queue_jobs as j
      where j.key = r.id::text and j.attempts < j.max_attempts
    )
    and not exists (
      select from howdah_private.queue_jobs as j
      where j.key = r.id::text || ' again' and j.attempts < j.max_attempts
    )
    and not exists (
      select from howdah_private.suspects as s
      where s.execution_id = r.id
        and r.crashes_without_progress >= howdah_private.suspect_deaths()
    )
  union all
  select 'dead_owner', r.tenant_id, r.id, 'owned by ' || r.owner_worker || ', which is not alive'
  from howdah.executions as r left join howdah_private.run_heads as h on h.execution_id = r.id
  where r.status = 'running'
    and (find_violations.only_tenant is null or r.tenant_id = find_violations.only_tenant)
    and coalesce(h.updated_at, r.updated_at) < clock_timestamp() - interval '10 seconds'
    and not exists (select from howdah_private.workers as w where w.id = r.owner_worker)
  union all
  select 'step_gap', b.tenant_id, b.id,
    format('%s steps, last %s, counted %s', b.steps, b.last_step, b.step_count)
  from broken as b where b.has_step_gap
  union all
  select 'message_gap', b.tenant_id, b.id,
    format('%s messages, last %s, counted %s', b.messages, b.last_message, b.message_count)
  from broken as b where b.has_message_gap
  union all
  select 'malformed_step', b.tenant_id, b.id, format(
    'step %s: error and annotations are objects, retries and errors have an error',
    b.malformed_step)
  from broken as b where b.malformed_step is not null
  union all
  select 'malformed_message', b.tenant_id, b.id, format(
    'message %s: parts and tool_calls are arrays, only tool results name a call, '
    'and only summaries cover messages, from the first to the last', b.malformed_message)
  from broken as b where b.malformed_message is not null
  union all
  select 'step_after_end', b.tenant_id, b.id, 'a step was committed after the run had ended'
  from broken as b where b.is_late
  union all
  select 'ledger_run', b.tenant_id, b.id, format('run %s/%s/%s, steps %s/%s/%s',
    b.tokens_in, b.tokens_out, b.cost, b.log_tokens_in, b.log_tokens_out, b.log_cost)
  from broken as b where b.is_wrongly_counted
  union all
  select 'over_budget', b.tenant_id, b.id,
    format('%s model answers, at most %s allowed', b.model_count, b.max_steps)
  from broken as b where b.is_over_budget
  union all
  select 'over_attempts', b.tenant_id, b.id, format('%s workers crashed since its last commit',
    b.crashes_without_progress)
  from broken as b where b.is_over_attempts
  union all
  select 'end_without_output', b.tenant_id, b.id, 'completed without exactly one output step'
  from broken as b where b.is_without_output
  union all
  select 'trusted_too_far', b.tenant_id, b.id,
    format('it has read content with trust %s', b.lowest_trust)
  from broken as b where b.is_trusted_too_far
  union all
  select 'wrong_tenant', b.tenant_id, b.id, 'a row of its log belongs to another tenant'
  from broken as b where b.is_foreign
  union all
  select 'tool_pairing', r.tenant_id, r.id, 'call ' || coalesce(c.call_id, p.call_id)
    || case when c.call_id is null then ' was never requested'
      else ' does not have exactly one result' end
  from (
    select c.execution_id, c.call_id, count(*) as requests from calls as c group by 1, 2
  ) as c
  full join (
    select p.execution_id, p.call_id, count(*) as answers from results as p group by 1, 2
  ) as p
    on p.execution_id = c.execution_id and p.call_id = c.call_id
  join howdah.executions as r on r.id = coalesce(c.execution_id, p.execution_id)
  where c.requests is distinct from p.answers
  union all
  select 'wrong_tenant', r.tenant_id, r.id, 'its parent belongs to another tenant'
  from howdah.executions as r join howdah.executions as p on p.id = r.parent_execution_id
  where p.tenant_id <> r.tenant_id and r.parent_execution_id is not null
    and (find_violations.only_tenant is null or r.tenant_id = find_violations.only_tenant)
    and (r.status in ('queued', 'running', 'waiting', 'paused')
      or r.completed_at >= find_violations.since)
  union all
  select 'version_moved', r.tenant_id, r.id,
    'its pinned definition is gone or does not match its digest'
  from (select distinct r.agent_version_id from runs as r) as used
  left join howdah.agent_versions as v on v.id = used.agent_version_id
  join runs as r on r.agent_version_id = used.agent_version_id
  where v.id is null or v.digest <> encode(sha256(convert_to(v.definition::text, 'UTF8')), 'hex')
  union all
  select 'version_moved', r.tenant_id, r.id,
    'its pinned definition is gone or does not match its digest'
  from runs as r left join howdah.workflow_versions as v on v.id = r.workflow_version_id
  where r.workflow_version_id is not null
    and (v.id is null or v.digest <> encode(sha256(convert_to(v.definition::text, 'UTF8')), 'hex'))
  union all
  select 'wrong_turn', s.tenant_id, s.live_execution_id,
    'the live run of session ' || s.id || ' is not live'
  from howdah.sessions as s
  left join howdah.executions as e on e.id = s.live_execution_id
  where s.live_execution_id is not null
    and (find_violations.only_tenant is null or s.tenant_id = find_violations.only_tenant)
    and (e.id is null or e.completed_at is not null)
  union all
  select 'stuck_turn', r.tenant_id, r.id, 'waits for its turn, and no run has the turn'
  from howdah.executions as r left join howdah.sessions as s on s.id = r.session_id
  where r.status = 'waiting' and r.waiting_for = 'turn' and s.live_execution_id is null
    and (find_violations.only_tenant is null or r.tenant_id = find_violations.only_tenant)
    and r.parent_execution_id is null
  union all
  select 'stuck_turn', r.tenant_id, r.id,
    'waits for its turn, and its workflow has room for more members'
  from howdah.executions as r join howdah.executions as p on p.id = r.parent_execution_id
  where r.status = 'waiting' and r.waiting_for = 'turn'
    and (find_violations.only_tenant is null or r.tenant_id = find_violations.only_tenant)
    and p.members_at_once > p.live_children - p.members_waiting
  union all
  select 'log_without_run', s.tenant_id, s.execution_id, 'its steps exist without their execution'
  from howdah.steps as s
  where find_violations.since = '-infinity' and s.seq = 1
    and not exists (select from howdah.executions as e where e.id = s.execution_id)
  union all
  select 'resource_hash', f.tenant_id, f.execution_id,
    'the bytes of resource ' || f.id || ' do not match its sha256'
  from howdah.resources as f
  where find_violations.since = '-infinity' and encode(sha256(f.bytes), 'hex') <> f.sha256
  union all
  select 'stale_version', a.tenant_id, null, 'agent ' || a.name || ' has an edit without a version'
  from howdah.agents as a
  where (a.version_is_stale or a.current_version_id is null)
    and (find_violations.only_tenant is null or a.tenant_id = find_violations.only_tenant)
  union all
  select 'late_schedule', s.tenant_id, null, 'schedule ' || s.name || ' was due at ' || s.next_at
  from howdah.schedules as s
  where s.is_active and s.next_at < clock_timestamp() - interval '2 minutes'
    and (find_violations.only_tenant is null or s.tenant_id = find_violations.only_tenant)
    and exists (select from howdah_private.workers)
  union all
  select * from howdah_private.find_head_violations(find_violations.only_tenant)
  union all
  select * from howdah_private.find_wait_violations(
    find_violations.since, find_violations.only_tenant)
  union all
  select * from howdah_private.find_tree_violations(
    find_violations.since, find_violations.only_tenant)
  ) as v (rule, tenant_id, execution_id, detail)
  where find_violations.only_tenant is null or v.tenant_id = find_violations.only_tenant;
end $$;

-- Returns the violations of all tenants.
create or replace function howdah_private.find_violations(since timestamptz)
  returns table (rule text, tenant_id uuid, execution_id uuid, detail text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select * from howdah_private.find_violations(find_violations.since, null)
$$;

-- Returns live runs with encrypted contents that are at work, or that no worker will decrypt.
create or replace function howdah_private.find_encryption_violations(only_tenant uuid)
  returns table (rule text, tenant_id uuid, execution_id uuid, detail text)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set jit = off
  set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  return query
  select 'encrypted_at_work', r.tenant_id, r.id::uuid,
    case when r.status = 'running' then 'is running, but its contents are encrypted'
      else 'waits for its decryption, but is not in the queue' end
  from howdah.executions as r
  where r.status in ('queued', 'running', 'waiting', 'paused')
    and (find_encryption_violations.only_tenant is null
      or r.tenant_id = find_encryption_violations.only_tenant)
    and r.contents_encrypted_at is not null and (r.status = 'running' or not exists (
      select from howdah_private.due_work as d
      where d.kind = 'encrypt_run' and d.id = r.root_execution_id));
end $$;

-- Returns violations of heads and of encryption. Each running run has one head, with its owner and
-- fence, which is not behind its row.
create or replace function howdah_private.find_head_violations(only_tenant uuid)
  returns table (rule text, tenant_id uuid, execution_id uuid, detail text)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set jit = off
  set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  return query
  select 'run_head', coalesce(r.tenant_id, h.tenant_id), coalesce(r.id::uuid, h.execution_id),
    f.fault
  from (
    select e.* from howdah.executions as e
    where e.status = 'running' and (find_head_violations.only_tenant is null
      or e.tenant_id = find_head_violations.only_tenant)
  ) as r
  full join (
    select x.* from howdah_private.run_heads as x
    where find_head_violations.only_tenant is null or x.tenant_id = find_head_violations.only_tenant
  ) as h on h.execution_id = r.id
  cross join lateral (
    select case
      when h.execution_id is null then 'is running, but has no head'
      when r.id is null then 'has a head, but is not running'
      when (h.owner_worker, h.fence) <> (r.owner_worker, r.fence) or h.tenant_id <> r.tenant_id
        then format('its head has worker %s, fence %s and tenant %s, the run has %s, %s and %s',
          h.owner_worker, h.fence, h.tenant_id, r.owner_worker, r.fence, r.tenant_id)
      when least(h.step_count - r.step_count, h.message_count - r.message_count,
          h.model_count - r.model_count, h.tokens_in - r.tokens_in, h.tokens_out - r.tokens_out,
          h.cost - r.cost) < 0 or h.trust < r.trust
        then format('its head is behind its row: %s of %s steps', h.step_count, r.step_count)
      when (h.has_inbox, h.is_pause_requested, h.max_steps, h.max_seconds, h.active_ms,
          h.active_since, h.session_id, h.agent_id, h.workflow_id, h.max_tokens, h.max_cost,
          h.children_tokens, h.children_cost)
        is distinct from (r.has_inbox, r.is_pause_requested, r.max_steps, r.max_seconds,
          r.active_ms, r.active_since, r.session_id, r.agent_id, r.workflow_id, r.max_tokens,
          r.max_cost, r.children_tokens_in + r.children_tokens_out, r.children_cost)
        then 'its head has other flags, limits or times than its row'
    end as fault
  ) as f
  where f.fault is not null
  union all
  select * from howdah_private.find_encryption_violations(find_head_violations.only_tenant);
end $$;

-- Returns violations of waiting runs (for questions, children, limits, answers), and of effects.
create or replace function howdah_private.find_wait_violations(since timestamptz, only_tenant uuid)
  returns table (rule text, tenant_id uuid, execution_id uuid, detail text)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set jit = off
  set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  return query
  with waiting as materialized (
    select e.id::uuid as id, e.tenant_id, e.waiting_for, e.live_children, e.has_inbox
    from howdah.executions as e
    where e.status = 'waiting' and e.updated_at < clock_timestamp() - interval '10 seconds'
      and (find_wait_violations.only_tenant is null
        or e.tenant_id = find_wait_violations.only_tenant)
  )
  select 'stuck_wait', r.tenant_id, r.id, 'waits for a child, but no child is live'
  from waiting as r
  where r.waiting_for = 'child' and r.live_children = 0
  union all
  select 'stuck_wait', r.tenant_id, r.id, 'waits for a question, but no question is open'
  from waiting as r
  where r.waiting_for = 'question' and not exists (
    select from howdah.questions as q where q.execution_id = r.id and q.status = 'open'
  )
  union all
  select 'stuck_quota', r.tenant_id, r.id, case when p.execution_id is null
    then 'waits for a limit, but is not parked at any'
    else 'waits for a limit that has room' end
  from waiting as r left join howdah_private.parked_runs as p on p.execution_id = r.id
  where r.waiting_for = 'quota' and not exists (
    select from howdah.limits as l
    where l.id = p.limit_id and howdah_private.is_reached(l, p.subject_id)
  ) and not exists (
    select from howdah_private.queue_jobs as j
    where j.payload ->> 'id' = p.limit_id::text and j.attempts < j.max_attempts
      and (p.subject_id is null or j.run_at <= clock_timestamp())
  )
  union all
  select 'debounced_twice', r.tenant_id, r.id::uuid,
    format('has not begun, and is not the last run of its debounce key %L', r.debounce_key)
  from howdah.executions as r
  where r.debounce_key is not null and r.status in ('queued', 'waiting', 'paused')
    and (find_wait_violations.only_tenant is null
      or r.tenant_id = find_wait_violations.only_tenant)
    and howdah_private.was_never_claimed(r)
    and not exists (
      select from howdah_private.debounced_runs as d
      where d.execution_id = r.id and d.key = r.debounce_key
    )
  union all
  select 'unread_inbox', r.tenant_id, r.id,
    'has unread input while it waits for a person, a child or mail'
  from waiting as r
  where r.has_inbox and (r.waiting_for in ('question', 'child')
    or (r.waiting_for = 'timer' and exists (
      select from howdah_private.receivers as x where x.execution_id = r.id)))
  union all
  select 'question_after_end', r.tenant_id, r.id,
    'question ' || q.id || ' is open, but its run has ended'
  from howdah.executions as r join howdah.questions as q on q.execution_id = r.id
  where r.completed_at >= find_wait_violations.since and q.status = 'open' and q.kind <> 'effect'
    and (find_wait_violations.only_tenant is null
      or r.tenant_id = find_wait_violations.only_tenant)
  union all
  select 'effect_twice', s.tenant_id, s.execution_id,
    'two finished calls with the key ' || s.idempotency_key
  from howdah.executions as r join howdah.steps as s on s.execution_id = r.id
  where (r.status in ('queued', 'running', 'waiting', 'paused')
      or r.completed_at >= find_wait_violations.since)
    and (find_wait_violations.only_tenant is null
      or r.tenant_id = find_wait_violations.only_tenant)
    and s.kind = 'tool' and s.error is null and s.seq > coalesce(r.forked_from_seq, 0)
    and s.idempotency_key is not null
  group by s.tenant_id, s.execution_id, s.idempotency_key
  having count(*) > 1;
end $$;

-- Returns violations between children and their parents, such as wrong counters.
create or replace function howdah_private.find_tree_violations(since timestamptz, only_tenant uuid)
  returns table (rule text, tenant_id uuid, execution_id uuid, detail text)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set jit = off
  set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  return query
  with children as materialized (
    select e.id::uuid as id, e.tenant_id, e.parent_execution_id
    from howdah.executions as e
    where e.parent_execution_id is not null
      and e.status in ('queued', 'running', 'waiting', 'paused')
      and (find_tree_violations.only_tenant is null
        or e.tenant_id = find_tree_violations.only_tenant)
  )
  select 'live_children', r.tenant_id, r.id::uuid,
    format('%s children are live, counted %s', coalesce(c.live, 0), r.live_children)
  from howdah.executions as r
  left join (
    select b.parent_execution_id as id, count(*) as live
    from children as b group by b.parent_execution_id
  ) as c on c.id = r.id
  where r.status in ('queued', 'running', 'waiting', 'paused')
    and (find_tree_violations.only_tenant is null
      or r.tenant_id = find_tree_violations.only_tenant)
    and coalesce(c.live, 0) <> r.live_children
  union all
  select 'orphan', b.tenant_id, b.id, 'is live, but its parent has ended as ' || p.status
  from children as b join howdah.executions as p on p.id = b.parent_execution_id
  where p.completed_at < clock_timestamp() - interval '10 seconds'
  union all
  select 'ledger_children', r.tenant_id, r.id,
    format('counted %s/%s/%s, the runs below it used %s/%s/%s',
      r.children_tokens_in, r.children_tokens_out, r.children_cost,
      sum(u.tokens_in), sum(u.tokens_out), sum(u.cost))
  from howdah.executions as r
  join howdah.executions as c on c.root_execution_id = r.root_execution_id
    and c.parent_execution_id is not null and c.depth > r.depth and r.id = any (c.ancestors)
  left join howdah_private.run_heads as h on h.execution_id = c.id
  cross join lateral (
    select coalesce(h.tokens_in, c.tokens_in) as tokens_in,
      coalesce(h.tokens_out, c.tokens_out) as tokens_out, coalesce(h.cost, c.cost) as cost
  ) as u
  where (r.status in ('queued', 'running', 'waiting', 'paused')
      or r.completed_at >= find_tree_violations.since)
    and (find_tree_violations.only_tenant is null
      or r.tenant_id = find_tree_violations.only_tenant)
  group by r.tenant_id, r.id, r.children_tokens_in, r.children_tokens_out, r.children_cost
  having (r.children_tokens_in, r.children_tokens_out, r.children_cost)
    <> (sum(u.tokens_in), sum(u.tokens_out), sum(u.cost));
end $$;
