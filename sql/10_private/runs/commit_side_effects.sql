-- Effects of commits beyond their own runs. Both halves are part of commit_steps and its
-- transaction. They are called only with the commits that ask for them.

-- Counts the usage of the runs at their ancestors, before the heads advance, so that the commit is
-- answered by what is left of the budgets above. Counts only what will be committed. The caller has
-- locked the ancestors.
create or replace function howdah_private.before_commit(worker uuid, commits jsonb) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  with spent as (
    select a.id, sum(coalesce(r.tokens_in, 0)) as tokens_in,
      sum(coalesce(r.tokens_out, 0)) as tokens_out,
      sum(howdah_private.price(r.tokens_in, r.tokens_out, m, r.usage)) as cost
    from jsonb_to_recordset(before_commit.commits)
      as c (id uuid, fence int, after int, steps jsonb, "to" jsonb)
    join howdah.executions as e on e.id = c.id
    join howdah_private.run_heads as h on h.execution_id = c.id
    cross join lateral jsonb_to_recordset(c.steps)
      as r (model_id uuid, tokens_in int, tokens_out int, usage jsonb)
    left join howdah.models as m on m.id = r.model_id
    cross join lateral unnest(e.ancestors) as a (id)
    where h.owner_worker = before_commit.worker and h.fence = c.fence and h.step_count = c.after
      and (not h.has_inbox or coalesce(c."to" ->> 'status', '') <> 'completed')
      and coalesce(r.tokens_in, 0) + coalesce(r.tokens_out, 0) > 0
    group by a.id
  )
  update howdah.executions as e
  set children_tokens_in = e.children_tokens_in + s.tokens_in,
    children_tokens_out = e.children_tokens_out + s.tokens_out,
    children_cost = e.children_cost + s.cost
  from spent as s where e.id = s.id;
end $$;

-- Writes the questions, children and handoffs of committed steps. Wakes runs at their time, and at
-- once those whose inbox already has what they wait for. A commit that was sent twice finds these
-- rows already written. The laterals look up each row by its key. With a plain join, a commit of
-- many steps would be planned as a comparison of every step with every step.
create or replace function howdah_private.after_commit(worker uuid, commits jsonb) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_step record;
begin
  for v_step in
    select e.run, s.step -> 'question' as question,
      case l.kind when 'handoff' then l.output end as handoff
    from jsonb_to_recordset(after_commit.commits) as c (id uuid, fence int, after int, steps jsonb)
    cross join lateral (
      select h as run, x.id, x.depth
      from howdah.executions as x cross join lateral howdah_private.with_head(x) as h
      where x.id = c.id and x.fence = c.fence limit 1
    ) as e
    cross join lateral jsonb_array_elements(c.steps) with ordinality as s (step, position)
    cross join lateral (
      select t.kind, t.output from howdah.steps as t
      where t.execution_id = c.id and t.seq = c.after + s.position
        and t.worker = after_commit.worker
        and (s.step ? 'question' or t.kind = 'handoff')
      limit 1
    ) as l
    where s.step ? 'question' or s.step ->> 'kind' = 'handoff'
    order by e.depth, e.id, s.position
  loop
    if v_step.handoff is not null then
      perform howdah_private.apply_handoff(v_step.run, v_step.handoff);
    else
      perform howdah_private.ask_question(v_step.run, v_step.question);
    end if;
  end loop;
  perform howdah_private.begin_children(after_commit.worker, after_commit.commits);
  if exists (select from howdah_private.receivers) then
    -- mail may have come before the run began to wait for it
    perform howdah_private.wake_runs(array_agg(e.id::uuid))
    from jsonb_to_recordset(after_commit.commits) as c (id uuid, fence int)
    join howdah.executions as e on e.id = c.id and e.fence = c.fence
    where e.has_inbox and e.waiting_for = 'timer' and howdah_private.wait_is_over(e)
    having count(*) > 0;
  end if;
  perform howdah_private.enqueue_advance(array_agg(e.id::uuid))
  from jsonb_to_recordset(after_commit.commits) as c (id uuid, fence int)
  join howdah.executions as e on e.id = c.id and e.fence = c.fence
  where e.status = 'queued' or (e.status = 'waiting' and e.waiting_for = 'timer');
  if jsonb_path_exists(after_commit.commits, '$[*].to ? (@.waiting_for == "quota")') then
    perform howdah_private.record_parked(array(
      select c.id from jsonb_to_recordset(after_commit.commits) as c (id uuid) order by c.id));
  end if;
end $$;

-- Starts the children that steps announced: members of workflows, and runs below calls of agents.
create or replace function howdah_private.begin_children(worker uuid, commits jsonb) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.begin_members(e.run, t.children, c."to")
  from jsonb_to_recordset(begin_children.commits)
    as c (id uuid, fence int, after int, steps jsonb, "to" jsonb)
  cross join lateral (
    select to_jsonb(array_agg(s.step -> 'child' order by s.position)) as children
    from jsonb_array_elements(c.steps) with ordinality as s (step, position)
    where s.step ? 'child'
  ) as t
  cross join lateral (
    select h as run
    from howdah.executions as x cross join lateral howdah_private.with_head(x) as h
    where x.id = c.id and x.fence = c.fence
      and exists ( -- a commit writes all of its steps or none: its last one is there
        select from howdah.steps as l
        where l.execution_id = c.id and l.seq = c.after + jsonb_array_length(c.steps)
          and l.worker = begin_children.worker
      )
    limit 1
  ) as e
  where t.children is not null
  order by (e.run).depth, c.id
$$;

-- Inserts a question, with the id that the worker gave it. Copies what listing the question at its
-- root needs.
create or replace function howdah_private.ask_question(run howdah.executions, question jsonb)
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah.questions (
    id, tenant_id, execution_id, root_execution_id, session_id, kind, call_id, prompt, schema,
    tool_call, options, required_role, expires_at, default_answer, escalate_to, preview, reason,
    trust
  )
  select q.id, run.tenant_id, run.id, run.root_execution_id, r.session_id, q.kind, q.call_id,
    q.prompt, q.schema, q.tool_call, q.options, q.required_role,
    clock_timestamp() + q.expires_in_ms * interval '1 millisecond', q.default_answer,
    q.escalate_to, q.preview, q.reason, coalesce(q.trust, 'internal')
  from jsonb_to_record(ask_question.question) as q (
    id uuid, kind howdah.question_kind, call_id text, prompt text, schema jsonb, tool_call jsonb,
    options jsonb, required_role howdah.user_role, expires_in_ms bigint, default_answer text,
    escalate_to text, preview jsonb, reason jsonb, trust howdah.trust
  )
  join howdah.executions as r on r.id = run.root_execution_id
  on conflict (id) do nothing
$$;

-- Inserts children of a run by one statement, except those that an earlier attempt of the same
-- commit has inserted or reported as refused.
create or replace function howdah_private.insert_children(
  parent howdah.executions, children jsonb[]
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into howdah.executions (
    id, tenant_id, agent_id, workflow_id, parent_execution_id, parent_call_id, input_trust,
    input, overrides, max_steps, max_tokens, max_cost, max_seconds, user_id, priority
  )
  select c.id, parent.tenant_id, c.agent_id, c.workflow_id, parent.id, c.call_id, parent.trust,
    c.input, c.overrides, (c.budget ->> 'max_steps')::int, (c.budget ->> 'max_tokens')::bigint,
    (c.budget ->> 'max_cost')::numeric, (c.budget ->> 'max_seconds')::int,
    parent.user_id, parent.priority
  from unnest(insert_children.children) as u (child)
  cross join lateral jsonb_to_record(u.child) as c (
    id uuid, agent_id uuid, workflow_id uuid, call_id text, input text, overrides jsonb,
    budget jsonb
  )
  where not exists (select from howdah.executions as e where e.id = c.id)
    and not exists (
      select from howdah_private.inbox as i
      where i.execution_id = insert_children.parent.id and i.kind = 'child'
        and i.output ->> 'execution_id' = c.id::text
    )
  order by c.id;
end $$;

-- Reports a child that cannot start to its parent, as the end of the child: the model reads the
-- reason, and the commits of other runs go on.
create or replace function howdah_private.report_refused_child(
  parent howdah.executions, child jsonb, reason text
) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah_private.inbox (execution_id, tenant_id, kind, call_id, output)
  values (parent.id, parent.tenant_id, 'child', child ->> 'call_id', jsonb_build_object(
    'execution_id', child -> 'id', 'status', 'failed', 'error', jsonb_build_object(
      'code', 'tool_failed', 'message', reason, 'retryable', false)));
  select howdah_private.wake_runs(array[parent.id])
$$;

-- Starts the children that a run announced in one commit. One statement inserts all of them. When
-- it is refused, a group of half the size is tried next, and after each success a group of twice
-- the size. So one refused child among n costs about 3 * log2(n) statements, and only that child
-- fails. Errors that another attempt may solve (deadlocks, timeouts) are raised. Where the number
-- of members of a workflow at work is limited, all wait for their turn first.
create or replace function howdah_private.begin_members(
  parent howdah.executions, children jsonb, move jsonb
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_children jsonb[] := array(
    select c.child from jsonb_array_elements(begin_members.children) with ordinality
      as c (child, place) order by c.place);
  v_group jsonb[];
  v_size int := cardinality(v_children);
  v_next int := 1;
  v_message text;
begin
  update howdah.executions as e
  set wakes_on = (begin_members.move ->> 'wakes_on')::howdah.child_wake,
    members_at_once = (begin_members.move ->> 'members_at_once')::int
  where begin_members.parent.workflow_id is not null
    and e.id = begin_members.parent.id and e.completed_at is null;
  while v_next <= cardinality(v_children) loop
    v_group := v_children[v_next : v_next + v_size - 1];
    begin
      perform howdah_private.insert_children(parent, v_group);
      v_size := v_size * 2;
      v_next := v_next + cardinality(v_group);
    exception when others then
      if sqlstate ~ '^(40|53|55|57|58|XX)' then
        raise;
      end if;
      if cardinality(v_group) = 1 then
        get stacked diagnostics v_message = message_text;
        perform howdah_private.report_refused_child(parent, v_group[1], v_message);
        v_next := v_next + 1;
      end if;
      v_size := greatest(cardinality(v_group) / 2, 1);
    end;
  end loop;
  perform howdah_private.admit_members(parent.id)
  where begin_members.move ->> 'members_at_once' is not null;
end $$;

-- Queues the members whose turn it is, as many as may be at work at once. The caller has locked
-- their parent.
create or replace function howdah_private.admit_members(parent_id uuid) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_admitted uuid[];
begin
  with admitted as (
    update howdah.executions as e set status = 'queued', waiting_for = null, updated_at = now()
    where e.id = any (array(
      select c.id::uuid from howdah.executions as c
      where c.parent_execution_id = admit_members.parent_id and c.waiting_for = 'turn'
        and c.session_id is null and c.tenant_id = (
          select p.tenant_id from howdah.executions as p where p.id = admit_members.parent_id)
      order by c.id
      limit (
        select greatest(p.members_at_once - (p.live_children - p.members_waiting), 0)
        from howdah.executions as p where p.id = admit_members.parent_id
      )
    ))
    returning e.id::uuid as id
  )
  select array_agg(a.id order by a.id) into v_admitted from admitted as a;
  if v_admitted is not null then
    update howdah.executions as e
    set members_waiting = e.members_waiting - cardinality(v_admitted)
    where e.id = admit_members.parent_id;
    perform howdah_private.enqueue_advance(v_admitted);
  end if;
end $$;
