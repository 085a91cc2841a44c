-- Implements the tools `send_message` and `receive`. Each call runs in the transaction that commits
-- its step, so a message is sent and received exactly as often as the log says.
--
-- Each mailbox has an advisory lock. A sender takes it before checking for waiting runs, a receiver
-- before checking for messages, and both keep it until commit. Without the lock, a message could
-- arrive between the check of a receiver and its wait, and would not wake it. The lock is taken
-- before any run is locked. It is an advisory lock because senders from many runs have no row in
-- common.

-- Locks a mailbox until the transaction ends.
create or replace function howdah_private.lock_mailbox(agent_id uuid) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select pg_advisory_xact_lock(hashtextextended('howdah.mail ' || lock_mailbox.agent_id, 0))
$$;

-- Enqueues the delivery of a mailbox. The job has no key: a key would make one transaction wait for
-- another.
create or replace function howdah_private.enqueue_mail_delivery(tenant_id uuid, agent_id uuid)
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select graphile_worker.add_job('deliver_mail',
    json_build_object('agent_id', enqueue_mail_delivery.agent_id,
      'tenant_id', enqueue_mail_delivery.tenant_id))
$$;

-- Wakes the runs that wait for messages already in a mailbox. Runs in a job, because the sender may
-- not lock those runs.
create or replace function howdah_private.deliver_mail(tenant_id uuid, agent_id uuid) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_runs uuid[];
begin
  perform howdah_private.lock_mailbox(deliver_mail.agent_id);
  v_runs := array(
    select distinct r.execution_id from howdah_private.receivers as r
    cross join lateral (
      select x as run from howdah.executions as x
      where x.id = r.execution_id and x.completed_at is null offset 0 -- else reads all live runs
    ) as e
    where r.tenant_id = deliver_mail.tenant_id and r.agent_id = deliver_mail.agent_id
      and exists (select from howdah_private.unread_mail(e.run, null) as m)
  );
  if v_runs <> '{}' then
    perform howdah_private.lock_ancestors(v_runs);
    perform howdah_private.wake_runs(v_runs);
  end if;
end $$;

-- Reports whether a run may write to an agent: the agent must be active, and the user of the run
-- must be allowed to run it. A run without a user reaches only agents that are open to the whole
-- tenant.
create or replace function howdah_private.can_write_to(run howdah.executions, a howdah.agents)
  returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select a.tenant_id = run.tenant_id and a.deleted_at is null and a.is_active
    and case when run.user_id is null then not a.is_restricted
      else howdah_private.user_may_run(run.user_id, a.id) end
$$;

-- Returns the run that calls a tool.
create or replace function howdah_private.calling_run(execution_id uuid) returns howdah.executions
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions;
begin
  select h.* into v_run
  from howdah.executions as e cross join lateral howdah_private.with_head(e) as h
  where e.id = calling_run.execution_id;
  if v_run.agent_id is null then
    raise exception using errcode = 'HWNTF',
      message = format('there is no agent run %s',
        coalesce(calling_run.execution_id::text, 'null')),
      detail = jsonb_build_object('execution_id', calling_run.execution_id)::text;
  end if;
  return v_run;
end $$;

-- Parses an id written by a model. Returns null if the text is not a uuid.
create or replace function howdah_private.parse_id(word text) returns uuid
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case when parse_id.word ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
    then parse_id.word::uuid end
$$;

-- Returns the agent of this name, if the run may write to it.
create or replace function howdah_private.find_recipient_agent(run howdah.executions, name text)
  returns howdah.agents
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent howdah.agents;
  v_names text[];
begin
  select a.* into v_agent from howdah.agents as a
  where a.tenant_id = run.tenant_id and a.name = find_recipient_agent.name
    and howdah_private.can_write_to(run, a);
  if not found then
    v_names := array(
      select a.name from howdah.agents as a
      where a.tenant_id = run.tenant_id and a.id <> run.agent_id
        and howdah_private.can_write_to(run, a)
        and not a.is_restricted
      order by a.name limit 200
    );
    raise exception using errcode = 'HWNTF',
      message = format('there is no agent %L', find_recipient_agent.name),
      detail = jsonb_build_object('field', 'to', 'agent', find_recipient_agent.name)::text,
      hint = coalesce('Did you mean '
        || howdah_private.nearest_word(find_recipient_agent.name, v_names) || '?',
        'The agents are: ' || nullif(array_to_string(v_names[1:20], ', '), '') || '.',
        'There is nobody else to write to.');
  end if;
  return v_agent;
end $$;

-- Returns the unfinished run with this id, if the run may write to its agent.
create or replace function howdah_private.find_recipient_run(run howdah.executions, id uuid)
  returns howdah.executions
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_other howdah.executions;
begin
  select e.* into v_other from howdah.executions as e join howdah.agents as a on a.id = e.agent_id
  where e.id = find_recipient_run.id and e.tenant_id = run.tenant_id
    and howdah_private.can_write_to(run, a);
  if not found or v_other.completed_at is not null then
    raise exception using errcode = case when v_other.id is null then 'HWNTF' else 'HWTRM' end,
      message = case when v_other.id is null
        then format('there is no run %s of an agent', find_recipient_run.id)
        else format('the run %s has already ended: %s', find_recipient_run.id, v_other.status) end,
      detail = jsonb_build_object('field', 'to', 'execution_id', find_recipient_run.id)::text,
      hint = 'Write to the agent by its name.';
  end if;
  return v_other;
end $$;

-- Reports whether an agent has an unfinished run in a tree.
create or replace function howdah_private.has_live_run_in_tree(agent_id uuid, root_id uuid)
  returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from howdah.executions as e
    where e.id = has_live_run_in_tree.root_id and e.agent_id = has_live_run_in_tree.agent_id
      and e.completed_at is null
  ) or exists (
    select from howdah.executions as e
    where e.root_execution_id = has_live_run_in_tree.root_id and e.parent_execution_id is not null
      and e.agent_id = has_live_run_in_tree.agent_id and e.completed_at is null
  )
$$;

-- Limits the messages that agents send in one thread and from one tree, to stop agents that only
-- answer each other.
create or replace function howdah_private.check_mail_loop(
  run howdah.executions, thread_id uuid, configuration jsonb
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_in_thread int := coalesce((configuration ->> 'max_per_thread')::int, 50);
  v_in_tree int := coalesce((configuration ->> 'max_per_tree')::int, 200);
  v_reason text;
begin
  if (select count(*) from (
    select from howdah.mail as m
    where m.tenant_id = run.tenant_id and m.thread_id = check_mail_loop.thread_id
      and m.from_execution_id is not null
    limit v_in_thread
  ) as t) >= v_in_thread then
    v_reason := format('maximum number of messages of agents in a thread (%s) reached',
      v_in_thread);
  elsif (select count(*) from (
    select from howdah.mail as m where m.tenant_id = run.tenant_id
      and m.root_execution_id = run.root_execution_id limit v_in_tree
  ) as t) >= v_in_tree then
    v_reason := format('maximum number of messages from one tree of runs (%s) reached', v_in_tree);
  end if;
  if v_reason is not null then
    raise exception using errcode = 'HWQTA',
      message = v_reason || '; the message was not sent',
      detail = jsonb_build_object('thread_id', check_mail_loop.thread_id)::text,
      hint = 'Finish with what you know, and list the open points in your answer.';
  end if;
end $$;

-- Sends a message. The worker calls this function in the transaction that commits the tool's step.
-- The thread is that of the message replied to, else the named thread, else a new one.
create or replace function howdah_private.call_send_message(
  execution_id uuid, arguments jsonb, configuration jsonb
) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions := howdah_private.calling_run(call_send_message.execution_id);
  v_to text := btrim(arguments ->> 'to', E' \t\r\n');
  v_reply howdah.mail := howdah_private.message_replied_to(v_run, arguments ->> 'reply_to');
  v_mail howdah.mail;
begin
  if coalesce(v_to, '') = '' and v_reply.id is not null then
    v_to := howdah_private.reply_recipient(v_reply);
  end if;
  if coalesce(v_to, '') = '' then
    raise exception using errcode = 'HWINV', message = 'to is missing', detail = '{"field": "to"}',
      hint = 'Give the name of an agent or the id of a run. '
        'Call discover_agents to list the agents.';
  end if;
  if howdah_private.parse_id(v_to) is not null then
    v_mail.to_execution_id := (howdah_private.find_recipient_run(v_run, v_to::uuid)).id;
    select e.agent_id into v_mail.to_agent_id from howdah.executions as e
    where e.id = v_mail.to_execution_id;
  else
    v_mail.to_agent_id := (howdah_private.find_recipient_agent(v_run, v_to)).id;
  end if;
  if v_mail.to_execution_id = v_run.id
    or (v_mail.to_execution_id is null and v_mail.to_agent_id = v_run.agent_id) then
    raise exception using errcode = 'HWINV', message = 'a run cannot send a message to itself',
      detail = '{"field": "to"}',
      hint = 'To write to another run of this agent, give the id of that run.';
  end if;
  v_mail.thread_id := coalesce(v_reply.thread_id,
    howdah_private.find_thread(v_run, arguments ->> 'thread'));
  perform howdah_private.check_mail_loop(v_run, v_mail.thread_id,
    call_send_message.configuration);
  insert into howdah.mail (
    tenant_id, to_agent_id, to_execution_id, is_within_tree, from_execution_id, thread_id,
    reply_to_id, subject, content
  ) values (
    v_run.tenant_id, v_mail.to_agent_id, v_mail.to_execution_id,
    v_mail.to_execution_id is null
      and howdah_private.has_live_run_in_tree(v_mail.to_agent_id, v_run.root_execution_id),
    v_run.id, v_mail.thread_id, v_reply.id, arguments ->> 'subject', arguments ->> 'message'
  ) returning * into v_mail;
  return jsonb_build_object('id', v_mail.id, 'thread', v_mail.thread_id, 'to', (
    select a.name from howdah.agents as a where a.id = v_mail.to_agent_id));
end $$;

-- Reports whether the run or its agent sent or received a message. The run counts by itself because
-- it may have had another agent at that time.
create or replace function howdah_private.is_participant(run howdah.executions, m howdah.mail)
  returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select m.tenant_id = run.tenant_id and (run.agent_id in (m.to_agent_id, m.from_agent_id)
    or run.id in (m.from_execution_id, m.to_execution_id, m.received_by_execution_id))
$$;

-- Returns the message that a run replies to.
create or replace function howdah_private.message_replied_to(run howdah.executions, reply_to text)
  returns howdah.mail
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_mail howdah.mail;
begin
  if coalesce(message_replied_to.reply_to, '') !~ '\S' then
    return null;
  end if;
  select m.* into v_mail from howdah.mail as m
  where m.id = howdah_private.parse_id(btrim(message_replied_to.reply_to))
    and howdah_private.is_participant(run, m);
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no message %s in your mailbox', message_replied_to.reply_to),
      detail = jsonb_build_object('field', 'reply_to')::text,
      hint = 'Set reply_to to the id of a message that receive returned.';
  end if;
  return v_mail;
end $$;

-- Returns the recipient of a reply that names none: the sending run while it is unfinished, else
-- the agent of that run.
create or replace function howdah_private.reply_recipient(m howdah.mail) returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_to text := coalesce(
    (select e.id::text from howdah.executions as e
      where e.id = m.from_execution_id and e.completed_at is null),
    (select a.name from howdah.agents as a where a.id = m.from_agent_id));
begin
  if v_to is null then
    raise exception using errcode = 'HWINV',
      message = 'the message was written by a person, and people have no mailbox',
      detail = '{"field": "reply_to"}', hint = 'Put the reply in your answer.';
  end if;
  return v_to;
end $$;

-- Returns the thread with this id, if the run or its agent takes part in it.
create or replace function howdah_private.find_thread(run howdah.executions, thread text)
  returns uuid
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid := howdah_private.parse_id(btrim(find_thread.thread));
begin
  if coalesce(find_thread.thread, '') ~ '\S' and not exists (
    select from howdah.mail as m
    where m.tenant_id = run.tenant_id and m.thread_id = v_id
      and howdah_private.is_participant(run, m)
  ) then
    raise exception using errcode = 'HWNTF',
      message = format('there is no thread %s in which you take part', find_thread.thread),
      detail = jsonb_build_object('field', 'thread')::text,
      hint = 'Omit thread to begin a new one. send_message and receive return the id of a thread.';
  end if;
  return v_id;
end $$;

-- Returns the unread messages that a run may receive: addressed to the run itself, to its agent
-- within the tree, or to any run of its agent. Each of the three kinds has an index of its own, so
-- a scan skips messages that no run will receive any more.
create or replace function howdah_private.unread_mail(run howdah.executions, thread_id uuid)
  returns setof howdah.mail
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  (
    select m.* from howdah.mail as m
    where m.tenant_id = run.tenant_id and m.to_execution_id = run.id and m.received_at is null
      and (unread_mail.thread_id is null or m.thread_id = unread_mail.thread_id)
    order by m.id limit 20
  )
  union all
  (
    select m.* from howdah.mail as m
    where m.tenant_id = run.tenant_id and m.root_execution_id = run.root_execution_id
      and m.to_agent_id = run.agent_id and m.is_within_tree
      and m.received_at is null and m.from_execution_id <> run.id
      and (unread_mail.thread_id is null or m.thread_id = unread_mail.thread_id)
    order by m.id limit 20
  )
  union all
  (
    select m.* from howdah.mail as m
    where m.tenant_id = run.tenant_id and m.to_agent_id = run.agent_id and m.to_execution_id is null
      and not m.is_within_tree and m.received_at is null
      and (unread_mail.thread_id is null or m.thread_id = unread_mail.thread_id)
    order by m.id limit 20
  )
$$;

-- Marks the oldest unread messages as received and returns as many as fit into one result.
create or replace function howdah_private.take_mail(
  run howdah.executions, call_id text, thread_id uuid
) returns jsonb
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  with due as (
    select m.id, octet_length(to_jsonb(m.content)::text) as size
    from howdah_private.unread_mail(take_mail.run, take_mail.thread_id) as m
    order by m.id limit 20
  ),
  fitting as (
    select d.id from (select d.id, d.size, sum(d.size) over (order by d.id) as total
      from due as d) as d
    where d.total <= 48000 or d.total = d.size
  ),
  taken as (
    update howdah.mail as m
    set received_at = clock_timestamp(), received_by_execution_id = run.id,
      received_call_id = take_mail.call_id
    where m.id in (select f.id from fitting as f)
    returning m.*
  )
  select coalesce(to_jsonb(array_agg(jsonb_strip_nulls(jsonb_build_object(
    'id', t.id, 'from', coalesce(a.name, t.created_by), 'from_run', t.from_execution_id,
    'trust', case
      when t.from_execution_id is not null
        then greatest(t.trust, coalesce(h.trust, e.trust, 'external'))
      -- another person does not act for the user of the run
      when run.user_id is not null
        and u.username is distinct from t.created_by then greatest(t.trust, 'internal')
      else t.trust end,
    'thread', t.thread_id, 'reply_to', t.reply_to_id, 'subject', t.subject, 'content', t.content,
    'sent_at', t.created_at
  )) order by t.id)), '[]')
  from taken as t left join howdah.agents as a on a.id = t.from_agent_id
  left join howdah.executions as e on e.id = t.from_execution_id
  left join howdah_private.run_heads as h on h.execution_id = e.id
  left join howdah.users as u on u.id = run.user_id and u.tenant_id = run.tenant_id
$$;

-- Receives messages. The worker calls this function in the transaction that commits the tool's step
-- or parks the call. A value of `waits_ms` parks the call for at most that time. The end of the
-- wait is stored in `receivers`, so that it stays the same over repeated checks.
create or replace function howdah_private.call_receive(
  execution_id uuid, call_id text, arguments jsonb, out value jsonb, out waits_ms bigint
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions := howdah_private.calling_run(call_receive.execution_id);
  v_seconds numeric := coalesce((arguments ->> 'wait_seconds')::numeric, 0);
  v_ends_at timestamptz;
begin
  perform howdah_private.lock_mailbox(v_run.agent_id);
  value := jsonb_build_object('mail', howdah_private.take_mail(
    v_run, call_receive.call_id, howdah_private.find_thread(v_run, arguments ->> 'thread')));
  if v_seconds > 0 then
    insert into howdah_private.receivers (execution_id, call_id, tenant_id, agent_id, ends_at)
    values (v_run.id, call_receive.call_id, v_run.tenant_id, v_run.agent_id,
      clock_timestamp() + make_interval(secs => v_seconds))
    on conflict do nothing;
    select r.ends_at into v_ends_at from howdah_private.receivers as r
    where r.execution_id = v_run.id and r.call_id = call_receive.call_id;
    if value -> 'mail' = '[]' and v_ends_at > clock_timestamp() then
      waits_ms := ceil(extract(epoch from v_ends_at - clock_timestamp()) * 1000);
      return;
    end if;
    delete from howdah_private.receivers as r
    where r.execution_id = v_run.id and r.call_id = call_receive.call_id;
    if value -> 'mail' = '[]' then
      -- makes each wait differ for the loop guard
      value := value || jsonb_build_object('waited_until', v_ends_at);
    end if;
  end if;
end $$;
