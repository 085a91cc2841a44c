-- A message is addressed when it is inserted and delivered when the statement is over, whoever inserts it: a run by its tool,
-- a person by SQL or GraphQL.

-- What a run's SQL tool inserts would be taken for a person's word, and it would lock runs before the run's turn to commit.
create or replace function howdah_private.tg_mail__refuse_tools() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if howdah_private.is_bound() then
    raise exception using errcode = 'HWDEN', message = 'a tool in SQL may not send messages',
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
      hint = 'An owner of the database binds it by a row of howdah_private.login_tenants.';
  end if;
  if new.to_execution_id is not null then
    v_run := howdah_private.reader_of(new);
    if new.from_execution_id is null then
      perform howdah_private.permit_control('execution', v_run.id, coalesce(v_run.agent_id, v_run.workflow_id), v_run.user_id);
      perform howdah_private.permit_author('execution', v_run.id, v_run.user_id);
    end if;
    new.to_agent_id := coalesce(new.to_agent_id, v_run.agent_id);
  end if;
  perform howdah_private.refuse_reader(new, v_run);
  new.thread_id := howdah_private.mail_thread(new);
  if new.from_execution_id is null then
    new.created_by := howdah_private.actor();
  else
    new.created_by := null;
    select e.agent_id, e.root_execution_id into new.from_agent_id, new.root_execution_id
    from howdah.executions as e where e.id = new.from_execution_id and e.tenant_id = new.tenant_id;
  end if;
  return new;
end $$;

-- The run a message is for, which has to live.
create or replace function howdah_private.reader_of(m howdah.mail) returns howdah.executions
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
      message = case when v_run.id is null then format('there is no execution %s', m.to_execution_id)
        else format('execution %s has already ended: %s', m.to_execution_id, v_run.status) end,
      detail = jsonb_build_object('field', 'to_execution_id', 'execution_id', m.to_execution_id)::text,
      hint = 'Leave to_execution_id out, and whichever run of the agent receives first has it.';
  end if;
  return v_run;
end $$;

-- Whose mailbox it is has to be an agent's that takes runs; a run that is named has to be one of its.
create or replace function howdah_private.refuse_reader(m howdah.mail, run howdah.executions) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent howdah.agents;
begin
  if m.to_agent_id is null or (run.id is not null and m.to_agent_id is distinct from run.agent_id) then
    raise exception using errcode = 'HWINV',
      message = case when run.id is null then 'to_agent_id is missing'
        when run.agent_id is null then format('execution %s is a workflow''s, which has no mailbox', run.id)
        else format('execution %s is not a run of agent %s', run.id, m.to_agent_id) end,
      detail = jsonb_build_object('field', case when run.agent_id is null and run.id is not null
        then 'to_execution_id' else 'to_agent_id' end)::text,
      hint = 'Set to_agent_id by howdah.agent(name), or to_execution_id alone.';
  end if;
  select a.* into v_agent from howdah.agents as a
  where a.id = m.to_agent_id and a.tenant_id = m.tenant_id and howdah_private.sees_agent(a.id);
  if not found or v_agent.deleted_at is not null or not v_agent.is_active then
    raise exception using errcode = case when v_agent.id is null then 'HWNTF' else 'HWCNF' end,
      message = case when v_agent.id is null then format('there is no agent %s', m.to_agent_id)
        else format('agent %L is %s', v_agent.name, case when v_agent.deleted_at is null then 'not active' else 'deleted' end) end,
      detail = jsonb_build_object('field', 'to_agent_id', 'agent_id', m.to_agent_id)::text,
      hint = 'Name it by howdah.agent(name). Those there are stand in howdah.agents.';
  end if;
end $$;

-- The thread of what it replies to, the one that is named, or a new one.
create or replace function howdah_private.mail_thread(m howdah.mail) returns uuid
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_thread_id uuid := coalesce(m.thread_id, m.id);
begin
  if m.reply_to_id is not null then
    select r.thread_id into v_thread_id from howdah.mail as r
    where r.id = m.reply_to_id and r.tenant_id = m.tenant_id and howdah_private.sees_agent(r.to_agent_id)
      and howdah_private.sees_agent(r.from_agent_id)
      and (m.thread_id is null or r.thread_id = m.thread_id);
  elsif m.thread_id is not null and not exists (
    select from howdah.mail as r
    where r.thread_id = m.thread_id and r.tenant_id = m.tenant_id and howdah_private.sees_agent(r.to_agent_id)
      and howdah_private.sees_agent(r.from_agent_id)
  ) then
    v_thread_id := null;
  end if;
  if v_thread_id is null then
    raise exception using errcode = 'HWNTF',
      message = case when m.reply_to_id is null then format('there is no thread %s', m.thread_id)
        else format('there is no message %s in this thread', m.reply_to_id) end,
      detail = jsonb_build_object('field', case when m.reply_to_id is null then 'thread_id' else 'reply_to_id' end)::text,
      hint = 'Leave both out to begin a new thread. Those there are stand in howdah.mail.';
  end if;
  return v_thread_id;
end $$;

-- A mailbox is locked before any run's row. Whoever has written in this transaction before may have locked runs, by a control
-- of one: it must not wait now for a mailbox, whose holder may wait for those runs, nor for other runs. Asked before the message
-- itself is written.
create or replace function howdah_private.tg_mail__ask_order() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('howdah.mail_may_lock', (pg_current_xact_id_if_assigned() is null)::text, true);
  return null;
end $$;

-- Wakes those who wait for these messages. They are locked together with the runs that send, which commit next: in one
-- order, as everybody locks runs. A worker keeps that order; for who may not, a job does it once this has committed.
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
    perform howdah_private.enqueue_delivery(n.tenant_id, n.to_agent_id)
    from (select distinct tenant_id, to_agent_id from new_rows) as n;
    return null;
  end if;
  perform howdah_private.lock_mailbox(a.id) from unnest(v_agents) as a (id);
  v_runs := array(
    select distinct e.id::uuid from new_rows as n
    join howdah_private.receivers as r on r.tenant_id = n.tenant_id and r.agent_id = n.to_agent_id
    join howdah.executions as e on e.id = r.execution_id and e.completed_at is null
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
create or replace trigger _010_ask_order before insert on howdah.mail
  for each statement execute function howdah_private.tg_mail__ask_order();
create or replace trigger _100_address before insert on howdah.mail
  for each row execute function howdah_private.tg_mail__address();
create or replace trigger _900_deliver after insert on howdah.mail
  referencing new table as new_rows
  for each statement execute function howdah_private.tg_mail__deliver();

create or replace trigger _100_stamp before update on howdah.board_entries
  for each row execute function howdah_private.tg__stamp();
