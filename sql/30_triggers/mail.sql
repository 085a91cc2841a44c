-- Addresses and delivers mail, for messages of runs (tool send_message) and of people (SQL,
-- GraphQL).
--
-- The row trigger resolves the recipient, the thread and the author of a message. The statement
-- trigger wakes runs that wait for it. Lock order: mailboxes before rows of runs, and the runs that
-- wake together with the runs that send, in the order of lock_ancestors. A transaction that already
-- holds locks must not wait for a mailbox, so its messages are delivered by a job after the commit.

-- Refuses messages from SQL tools. Such a message would count as written by a person, and would
-- lock runs before the run of the tool commits.
create or replace function howdah_private.tg_mail__refuse_tools() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if howdah_private.is_bound() then
    raise exception using errcode = 'HWDEN', message = 'a SQL tool cannot send messages',
      hint = 'Give the agent the tool send_message.';
  end if;
  return null;
end $$;

create or replace function howdah_private.tg_mail__address() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions;
begin
  if new.tenant_id is null then
    raise exception using errcode = 'HWDEN', message = 'this login acts for no tenant',
      detail = jsonb_build_object('login', session_user)::text,
      hint = 'Ask an owner of the database to insert the login into howdah_private.login_tenants.';
  end if;
  if new.to_execution_id is not null then
    v_run := howdah_private.mail_recipient(new);
    if new.from_execution_id is null then
      perform howdah_private.check_control_right(
        'execution', v_run.id, coalesce(v_run.agent_id, v_run.workflow_id), v_run.user_id);
      perform howdah_private.check_author('execution', v_run.id, v_run.user_id);
    end if;
    new.to_agent_id := coalesce(new.to_agent_id, v_run.agent_id);
  end if;
  perform howdah_private.check_recipient(new, v_run);
  new.thread_id := howdah_private.mail_thread(new);
  if new.from_execution_id is null then
    perform howdah_private.lock_caller();
    new.created_by := howdah_private.actor();
    new := howdah_private.filter_mail(new);
  else
    new.created_by := null;
    select e.agent_id, e.root_execution_id into new.from_agent_id, new.root_execution_id
    from howdah.executions as e where e.id = new.from_execution_id and e.tenant_id = new.tenant_id;
  end if;
  return new;
end $$;

-- Returns the run that a message is addressed to. Refuses a run that does not exist or has ended.
create or replace function howdah_private.mail_recipient(m howdah.mail) returns howdah.executions
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions;
begin
  select e.* into v_run from howdah.executions as e
  where e.id = m.to_execution_id and e.tenant_id = m.tenant_id
    and howdah_private.sees_agent(coalesce(e.agent_id, e.workflow_id));
  if not found or v_run.completed_at is not null then
    raise exception using errcode = case when v_run.id is null then 'HWNTF' else 'HWTRM' end,
      message = case
        when v_run.id is null then format('there is no execution %s', m.to_execution_id)
        else format('execution %s has already ended: %s', m.to_execution_id, v_run.status) end,
      detail = jsonb_build_object(
        'field', 'to_execution_id', 'execution_id', m.to_execution_id)::text,
      hint = 'Omit to_execution_id, so that any run of the agent may receive the message.';
  end if;
  return v_run;
end $$;

-- Refuses a message unless its agent exists and is active, and unless the run it names is a run of
-- that agent.
create or replace function howdah_private.check_recipient(m howdah.mail, run howdah.executions)
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent howdah.agents;
begin
  if m.to_agent_id is null
    or (run.id is not null and m.to_agent_id is distinct from run.agent_id) then
    raise exception using errcode = 'HWINV',
      message = case
        when run.id is null then 'to_agent_id is missing'
        when run.agent_id is null
          then format('execution %s runs a workflow, and workflows have no mailbox', run.id)
        else format('execution %s is not a run of agent %s', run.id, m.to_agent_id) end,
      detail = jsonb_build_object('field', case when run.agent_id is null and run.id is not null
        then 'to_execution_id' else 'to_agent_id' end)::text,
      hint = 'Set to_agent_id to howdah.agent(name), or set to_execution_id alone.';
  end if;
  select a.* into v_agent from howdah.agents as a
  where a.id = m.to_agent_id and a.tenant_id = m.tenant_id and howdah_private.sees_agent(a.id);
  if not found or v_agent.deleted_at is not null or not v_agent.is_active then
    raise exception using errcode = case when v_agent.id is null then 'HWNTF' else 'HWCNF' end,
      message = case
        when v_agent.id is null then format('there is no agent %s', m.to_agent_id)
        when v_agent.deleted_at is null then format('agent %L is not active', v_agent.name)
        else format('agent %L is deleted', v_agent.name) end,
      detail = jsonb_build_object('field', 'to_agent_id', 'agent_id', m.to_agent_id)::text,
      hint = 'Set to_agent_id to howdah.agent(name). See howdah.agents for the agents that exist.';
  end if;
end $$;

-- Returns the thread of a message: the thread it replies to, the thread it names, or a new thread.
create or replace function howdah_private.mail_thread(m howdah.mail) returns uuid
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_thread_id uuid := coalesce(m.thread_id, m.id);
begin
  if m.reply_to_id is not null then
    select r.thread_id into v_thread_id from howdah.mail as r
    where r.id = m.reply_to_id and r.tenant_id = m.tenant_id
      and howdah_private.sees_agent(r.to_agent_id) and howdah_private.sees_agent(r.from_agent_id)
      and (m.thread_id is null or r.thread_id = m.thread_id);
  elsif m.thread_id is not null and not exists (
    select from howdah.mail as r
    where r.thread_id = m.thread_id and r.tenant_id = m.tenant_id
      and howdah_private.sees_agent(r.to_agent_id) and howdah_private.sees_agent(r.from_agent_id)
  ) then
    v_thread_id := null;
  end if;
  if v_thread_id is null then
    raise exception using errcode = 'HWNTF',
      message = case
        when m.reply_to_id is null then format('there is no thread %s', m.thread_id)
        else format('there is no message %s in this thread', m.reply_to_id) end,
      detail = jsonb_build_object(
        'field', case when m.reply_to_id is null then 'thread_id' else 'reply_to_id' end)::text,
      hint = 'Omit thread_id and reply_to_id to start a new thread. See howdah.mail for the '
        'threads that exist.';
  end if;
  return v_thread_id;
end $$;

-- Notes before the insert whether the transaction has written anything yet. If it has, it may hold
-- locks of runs, for example of a control. It must then not wait for a mailbox, because the holder
-- of the mailbox may wait for those runs.
create or replace function howdah_private.tg_mail__note_first_write() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config(
    'howdah.mail_may_lock', (pg_current_xact_id_if_assigned() is null)::text, true);
  return null;
end $$;

-- Wakes the runs that wait for these messages. They are locked together with the runs that send,
-- which commit next, in the common order of locks. Messages of runs come from a worker, which keeps
-- that order. For other transactions that may hold locks, a job delivers after the commit.
create or replace function howdah_private.tg_mail__deliver() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_agents uuid[] := array(select distinct n.to_agent_id from new_rows as n order by 1);
  v_runs uuid[];
begin
  if current_setting('howdah.mail_may_lock') <> 'true' and not exists (
    select from new_rows as n where n.from_execution_id is not null
  ) then
    perform howdah_private.enqueue_mail_delivery(n.tenant_id, n.to_agent_id)
    from (select distinct tenant_id, to_agent_id from new_rows) as n;
    return null;
  end if;
  perform howdah_private.lock_mailbox(a.id) from unnest(v_agents) as a (id);
  v_runs := array(
    select distinct e.id::uuid from new_rows as n
    join howdah_private.receivers as r on r.tenant_id = n.tenant_id and r.agent_id = n.to_agent_id
    cross join lateral (
      select x.id, x.root_execution_id from howdah.executions as x
      where x.id = r.execution_id and x.completed_at is null offset 0 -- else reads all live runs
    ) as e
    where (n.to_execution_id is null or n.to_execution_id = e.id)
      and (not n.is_within_tree or n.root_execution_id = e.root_execution_id)
  );
  if v_runs <> '{}' then
    perform howdah_private.lock_ancestors(v_runs || array(
      select n.from_execution_id from new_rows as n where n.from_execution_id is not null));
    perform howdah_private.wake_runs(v_runs);
  end if;
  return null;
end $$;

create or replace trigger _005_refuse_tools before insert on howdah.mail
  for each statement execute function howdah_private.tg_mail__refuse_tools();
create or replace trigger _010_note_first_write before insert on howdah.mail
  for each statement execute function howdah_private.tg_mail__note_first_write();
create or replace trigger _100_address before insert on howdah.mail
  for each row execute function howdah_private.tg_mail__address();
create or replace trigger _900_deliver after insert on howdah.mail
  referencing new table as new_rows
  for each statement execute function howdah_private.tg_mail__deliver();
