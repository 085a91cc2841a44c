-- Returns the runs that belong to a user: runs of that user, runs without a user in the sessions of
-- that user, and runs of evaluations whose input is from a run of that user. Includes all runs
-- below them, runs that compensate them, and their forks.
-- A fork counts even if another user forked the run, since it holds copies; an index of the audit
-- log finds the forks.
--
-- `plan_cache_mode`: a plan that a session made while the tables were small reads all runs of the
-- tenant later.
create or replace function howdah_private.runs_of_user(u howdah.users) returns uuid[]
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
begin
  return (
    with recursive runs (id) as (
      select e.id::uuid from howdah.executions as e
      where e.tenant_id = u.tenant_id and e.user_id = u.id
      union
      select e.id from howdah.sessions as s cross join lateral (
        select x.id::uuid from howdah.executions as x
        where x.tenant_id = s.tenant_id and x.session_id = s.id and x.user_id is null offset 0
      ) as e
      where s.tenant_id = u.tenant_id and s.user_id = u.id
      union
      select v.id from howdah_private.items_of_user(u, '{}') as i (id)
      cross join lateral howdah_private.runs_of_item(u.tenant_id, i.id) as v (id)
      union
      select n.id from runs as r cross join lateral (
        select c.id::uuid from howdah.executions as c where c.parent_execution_id = r.id
        union all
        select c.id::uuid from howdah.executions as c where c.compensates_execution_id = r.id
        union all
        select f.id::uuid from howdah.audit_log as l
        join howdah.executions as f
          on f.id = (l.detail ->> 'fork_id')::uuid and f.tenant_id = l.tenant_id
        where l.tenant_id = u.tenant_id and l.object_id = r.id::text and l.object = 'executions'
          and l.action = 'fork'
        union all
        select v.id from howdah.dataset_items as i
        cross join lateral howdah_private.runs_of_item(i.tenant_id, i.id) as v (id)
        where i.source_execution_id = r.id
        union all
        select j.id from howdah_private.judges_after(r.id) as j (id)
      ) as n (id)
    )
    select coalesce(array_agg(r.id order by r.id), '{}') from runs as r
  );
end $$;

-- Returns the judges of later turns of the session of a run, which have read the run.
create or replace function howdah_private.judges_after(execution_id uuid) returns setof uuid
  language sql stable security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
  select j.judge_execution_id from howdah.executions as e
  cross join lateral (
    select t.id::uuid as id from howdah.executions as t
    where t.tenant_id = e.tenant_id and t.session_id = e.session_id and t.turn > e.turn offset 0
  ) as t
  cross join lateral (
    select o.judge_execution_id from howdah_private.judgements as o
    where o.execution_id = t.id and o.judge_execution_id is not null offset 0
  ) as j
  where e.id = judges_after.execution_id
$$;

-- Returns the items of data sets that were made from runs of a user, also of deleted ones, or that
-- may have words of the user in their conversation.
create or replace function howdah_private.items_of_user(u howdah.users, runs uuid[])
  returns setof uuid
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select i.id from howdah.dataset_items as i
  where i.tenant_id = u.tenant_id and i.source_user_id = u.id
  union
  select i.id from howdah.dataset_items as i
  where i.tenant_id = u.tenant_id and i.source_user_ids @> array[u.id]
  union
  select i.id from howdah.dataset_items as i
  where i.tenant_id = u.tenant_id and i.source_execution_id = any (items_of_user.runs)
$$;

-- Returns the runs of evaluations that had an item of a data set as input, and their judges.
create or replace function howdah_private.runs_of_item(tenant_id uuid, item_id uuid)
  returns setof uuid
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select x.id from howdah.evaluation_results as r
  cross join lateral (
    values (r.execution_id)
    union all
    select j.judge_execution_id from howdah_private.judgements as j
    where j.execution_id = r.execution_id
  ) as x (id)
  where r.tenant_id = runs_of_item.tenant_id and r.item_id = runs_of_item.item_id
    and x.id is not null
$$;

-- Returns the user to export or erase. A user of another tenant is not found.
create or replace function howdah_private.find_user(id uuid) returns howdah.users
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := case when howdah_private.is_operator()
    then (select x.tenant_id from howdah.users as x where x.id = find_user.id)
    else howdah.current_tenant() end;
  v_user howdah.users;
begin
  select u.* into v_user from howdah.users as u
  where u.id = find_user.id and u.tenant_id = v_tenant_id;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no user %s', coalesce(find_user.id::text, 'null')),
      detail = jsonb_build_object('user_id', find_user.id)::text,
      hint = 'See howdah.users for the users that exist.';
  end if;
  return v_user;
end $$;

-- Refuses to erase a user while runs of that user are live.
create or replace function howdah_private.check_no_live_runs(ids uuid[]) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_live uuid[] := array(
    select e.id::uuid from howdah.executions as e
    where e.id = any (check_no_live_runs.ids) and e.completed_at is null order by e.id
  );
begin
  if cardinality(v_live) > 0 then
    raise exception using errcode = 'HWCNF',
      message = format('%s runs of the user have not ended, such as %s',
        cardinality(v_live), v_live[1]),
      detail = jsonb_build_object('execution_id', v_live[1], 'live', cardinality(v_live))::text,
      hint = 'Wait until they have ended, or cancel them with cancel_live => true.';
  end if;
end $$;

-- Locks the rows that the erasure of a user changes and that other transactions use (data_of_user),
-- and the row of the user. Returns the runs of the user. These must have ended; with cancel_live,
-- live ones are cancelled first. A fork of such a session waits for the session. An insert of a run
-- or session of the user waits for the row of the user, as does an answer of the user
-- (lock_caller). The debounce keys of the runs come first: an insert with such a key locks the key
-- before the run. The connected accounts of the user come before all runs: a transaction that
-- stores tokens locks the account, and then the runs that wait for it.
--
-- A retry locks the session before its run, and an insert of a run may lock the user before the
-- session. So this function waits for nothing while it has locks, except for the cancellation. If
-- another transaction has one of the rows, or has changed the set of rows meanwhile, the rollback
-- of the inner block releases all locks, and they are taken again.
create or replace function howdah_private.lock_user_data(u howdah.users, cancel_live boolean)
  returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_data record;
  v_data_now record;
  v_accounts uuid[];
begin
  loop
    select d.* into v_data from howdah_private.data_of_user(u) as d;
    v_accounts := howdah_private.accounts_of_user(u);
    begin
      perform from howdah.connected_accounts as a where a.id = any (v_accounts) order by a.id
      for update nowait;
      perform from howdah_private.debounced_runs as d where d.execution_id = any (v_data.runs)
      order by d.tenant_id, d.target_id, d.caller, d.key for update nowait;
      if lock_user_data.cancel_live then
        perform howdah_private.cancel_runs(v_data.runs);
      else
        perform howdah_private.check_no_live_runs(v_data.runs);
      end if;
      perform from howdah.executions as e where e.id = any (v_data.runs || v_data.other_runs)
      order by e.depth, e.id for update nowait;
      perform from howdah.questions as q where q.id = any (v_data.questions) order by q.id
      for update nowait;
      perform from howdah.sessions as s where s.id = any (v_data.sessions) order by s.id
      for update nowait;
      perform from howdah.mail as m where m.id = any (v_data.mail) order by m.id for update nowait;
      perform from howdah.users as x where x.id = u.id for update nowait;
      select d.* into v_data_now from howdah_private.data_of_user(u) as d;
      if v_data_now is not distinct from v_data
        and v_accounts = howdah_private.accounts_of_user(u) and not exists (
        select from howdah.executions as e
        where e.id = any (v_data.runs) and e.completed_at is null
      ) then
        return v_data.runs;
      end if;
      raise exception using errcode = 'triggered_action_exception';
    exception
      when triggered_action_exception then
        continue;
      when lock_not_available then
        perform howdah_private.await_locks(v_accounts || v_data.runs || v_data.other_runs
          || v_data.questions || v_data.sessions || v_data.mail || u.id);
    end;
  end loop;
end $$;

-- Returns the connected accounts of a user.
create or replace function howdah_private.accounts_of_user(u howdah.users) returns uuid[]
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select array(
    select a.id from howdah.connected_accounts as a
    where a.tenant_id = u.tenant_id and a.user_id = u.id order by a.id)
$$;

-- Returns the rows that the erasure of a user locks: the runs and sessions of the user, runs of
-- others with a copied history, questions with the name of the user, sessions that were forked from
-- those of the user, and messages to agents. Also runs of others that the user inserted, runs of
-- others whose log or inbox has an answer or message of the user or says that the user retried or
-- forked them, and forks of all these. A fork locks its original, and copies the log.
create or replace function howdah_private.data_of_user(
  u howdah.users, out runs uuid[], out other_runs uuid[], out questions uuid[],
  out sessions uuid[], out mail uuid[]
)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_forks uuid[];
begin
  runs := howdah_private.runs_of_user(u);
  v_forks := array(select f.id from howdah_private.forked_sessions(u, runs) as f);
  other_runs := array(
    (select e.id::uuid from howdah.executions as e
    where e.tenant_id = u.tenant_id and e.session_id = any (v_forks) and e.turn = 1
      and e.history is not null
    union
    select c.id from howdah.questions as q
    cross join lateral howdah_private.run_and_forks(q.tenant_id, q.execution_id) as c (id)
    where q.tenant_id = u.tenant_id and q.answered_by = u.username
    union
    select c.id from howdah_private.mail_of_user(u, runs) as m
    cross join lateral howdah_private.run_and_forks(
      m.tenant_id, m.received_by_execution_id) as c (id)
    where m.received_by_execution_id is not null
    union
    select c.id from howdah_private.runs_continued_by(u) as c (id)
    union
    select e.id::uuid from howdah.executions as e
    where e.tenant_id = u.tenant_id and e.created_by = u.username
    ) except select r.id from unnest(runs) as r (id)
    order by 1
  );
  questions := array(
    select q.id from howdah.questions as q
    where q.tenant_id = u.tenant_id and u.username in (q.answered_by, q.escalate_to) order by q.id
  );
  sessions := array(
    select s.id from unnest(howdah_private.sessions_of_user(u, runs) || v_forks) as s (id)
    group by s.id order by s.id
  );
  mail := array(select m.id from howdah_private.mail_of_user(u, runs) as m order by m.id);
end $$;

-- Returns the answers of a user that wait in inboxes.
create or replace function howdah_private.inbox_answers(u howdah.users)
  returns setof howdah_private.inbox
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select i.* from howdah.questions as q
  join howdah_private.inbox as i
    on i.execution_id = q.execution_id and i.kind = 'answer'
    and i.output ->> 'question_id' = q.id::text
  where q.tenant_id = u.tenant_id and q.answered_by = u.username
$$;

-- Returns the messages that the user, or a run of the user, sent to agents.
create or replace function howdah_private.mail_of_user(u howdah.users, runs uuid[])
  returns setof howdah.mail
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select m.* from howdah.mail as m
  where m.tenant_id = u.tenant_id
    and (m.created_by = u.username or m.from_execution_id = any (mail_of_user.runs))
$$;

-- Returns the sessions of a user, and those in which runs of that user are.
create or replace function howdah_private.sessions_of_user(u howdah.users, runs uuid[])
  returns uuid[]
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select array(
    select s.id from howdah.sessions as s where s.tenant_id = u.tenant_id and s.user_id = u.id
    union
    select e.session_id from howdah.executions as e
    where e.id = any (sessions_of_user.runs) and e.session_id is not null
    order by 1
  )
$$;

-- Cancels those of the runs that are live.
create or replace function howdah_private.cancel_runs(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.audit_control(e, 'cancel') from howdah.executions as e
  where e.id = any (cancel_runs.ids) and e.completed_at is null;
  perform howdah_private.terminate_runs(
    howdah_private.lock_subtree(array_agg(e.id::uuid)), 'cancelled', null)
  from howdah.executions as e where e.id = any (cancel_runs.ids) and e.completed_at is null
  having count(*) > 0;
end $$;

-- Waits for the locks of rows that other transactions have, one by one. A run comes after its
-- debounce key. Each is released before the next one is awaited, by the rollback of the inner
-- block.
create or replace function howdah_private.await_locks(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid;
begin
  foreach v_id in array await_locks.ids loop
    begin
      perform from howdah.connected_accounts as a where a.id = v_id for update;
      perform from howdah_private.debounced_runs as d where d.execution_id = v_id for update;
      perform from howdah.executions as e where e.id = v_id for update;
      perform from howdah.questions as q where q.id = v_id for update;
      perform from howdah.sessions as s where s.id = v_id for update;
      perform from howdah.mail as m where m.id = v_id for update;
      perform from howdah.users as u where u.id = v_id for update;
      raise exception using errcode = 'triggered_action_exception';
    exception when triggered_action_exception then
      null;
    end;
  end loop;
end $$;

-- Erases messages that the user, or a run of the user, sent to agents, and their copies in the runs
-- of other users that received them, and in forks of those. Deletes messages that no run has
-- received. The caller has locked the messages, so no run is receiving one.
create or replace function howdah_private.erase_mail(u howdah.users, runs uuid[]) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_mail uuid[] := array(select m.id from howdah_private.mail_of_user(u, erase_mail.runs) as m);
begin
  perform howdah_private.erase_answer_log(c.id, m.received_call_id)
  from howdah.mail as m
  cross join lateral howdah_private.run_and_forks(
    m.tenant_id, m.received_by_execution_id) as c (id)
  where m.id = any (v_mail) and m.received_by_execution_id <> all (erase_mail.runs);
  delete from howdah.mail as m where m.id = any (v_mail) and m.received_at is null;
  update howdah.mail as m set content = '[erased]', subject = null where m.id = any (v_mail);
  return cardinality(v_mail);
end $$;

-- Returns the sessions of other users that were forked from a session of the user, or from a
-- session after a turn of the user, and forks of those. With the title that they inherited from a
-- session of the user.
create or replace function howdah_private.forked_sessions(u howdah.users, runs uuid[])
  returns table (id uuid, title text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with recursive forks (id, title) as (
    select f.id, case when s.user_id = u.id then s.title end
    from howdah.sessions as s
    join howdah.sessions as f on f.tenant_id = s.tenant_id and f.forked_from_session_id = s.id
    where s.tenant_id = u.tenant_id and s.id in (
      select o.id from howdah.sessions as o where o.tenant_id = u.tenant_id and o.user_id = u.id
      union
      select e.session_id from howdah.executions as e where e.id = any (forked_sessions.runs)
    ) and (s.user_id = u.id or exists (
      select from howdah.executions as e
      where e.id = any (forked_sessions.runs) and e.session_id = s.id
        and e.turn <= f.forked_from_turn
    ))
    union
    select f.id, k.title from forks as k
    join howdah.sessions as f on f.tenant_id = u.tenant_id and f.forked_from_session_id = k.id
  )
  select f.id, f.title from forks as f
$$;

-- Erases the copied history of such sessions, and their inherited titles. The caller has locked
-- their first runs and the sessions.
create or replace function howdah_private.erase_forks(u howdah.users, runs uuid[]) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with forks as (
    select f.* from howdah_private.forked_sessions(u, erase_forks.runs) as f
  ),
  untitled as (
    update howdah.sessions as s set title = '[erased]'
    from forks as f where s.id = f.id and s.title = f.title
  )
  update howdah.executions as e set history = null
  where e.tenant_id = u.tenant_id and e.session_id in (select f.id from forks as f) and e.turn = 1
    and e.history is not null
$$;

-- Erases the answers of the user that wait in the inboxes of other runs, and what is encrypted of
-- them. Keeps edited arguments of an approval, which the call needs, as the log does. The caller
-- has locked these runs, so nobody moves an answer to a log.
create or replace function howdah_private.erase_inbox_answers(u howdah.users, runs uuid[])
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah_private.inbox as i
  set output = i.output - 'sealed' || case i.output ->> 'kind' when 'question'
    then '{"answer": "[erased]", "data": null}'::jsonb else '{"data": null}' end
  where i.id in (
      select a.id from howdah_private.inbox_answers(u) as a
      where a.execution_id <> all (erase_inbox_answers.runs)
    )
    and (i.output ->> 'kind' = 'question' or i.output ->> 'answer' = 'reject')
$$;

-- Returns a run and its forks, which have copies of its log. An index of the audit log finds them.
create or replace function howdah_private.run_and_forks(tenant_id uuid, id uuid)
  returns setof uuid
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with recursive copies (id) as (
    select run_and_forks.id
    union
    select (l.detail ->> 'fork_id')::uuid from copies as c
    join howdah.audit_log as l
      on l.tenant_id = run_and_forks.tenant_id and l.object_id = c.id::text
        and l.object = 'executions' and l.action = 'fork'
  )
  select c.id from copies as c
$$;

-- Returns the runs that a user retried or forked, and forks of those.
create or replace function howdah_private.runs_continued_by(u howdah.users) returns setof uuid
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select c.id from howdah.audit_log as l
  cross join lateral howdah_private.run_and_forks(l.tenant_id, l.object_id::uuid) as c (id)
  where l.tenant_id = u.tenant_id and l.user_id = u.id and l.object = 'executions'
    and l.action in ('retry', 'fork')
$$;

-- Deletes the memories about the user, and those that the runs of the user wrote about agents and
-- the tenant, since such a run has read what the user said. Memories of runs that were deleted
-- since are those of their author, unlike what a person wrote. What the user wrote about agents and
-- the tenant stays. What others wrote, and a deleted memory had replaced, holds again.
create or replace function howdah_private.erase_memories(u howdah.users, runs uuid[]) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[] := array(
    select m.id from howdah.memories as m
    where m.tenant_id = u.tenant_id
      and (m.user_id = u.id or m.source_execution_id = any (erase_memories.runs)
        or m.created_by = u.username and m.source_execution_id is null and m.trust <> 'user'));
  v_count int;
begin
  loop -- through several deleted memories that replaced each other
    update howdah.memories as m set superseded_by = d.superseded_by,
      valid_to = case when d.superseded_by is not null then m.valid_to end
    from howdah.memories as d
    where d.tenant_id = m.tenant_id and d.id = m.superseded_by and d.id = any (v_ids)
      and m.tenant_id = u.tenant_id and m.id <> all (v_ids)
      and (d.superseded_by is not null or not exists (
        select from howdah.memories as o
        where o.tenant_id = m.tenant_id and o.subject_id = m.subject_id and o.scope = m.scope
          and o.digest = m.digest and o.superseded_by is null));
    exit when not found;
  end loop;
  delete from howdah.memories as m where m.tenant_id = u.tenant_id and m.id = any (v_ids);
  get diagnostics v_count = row_count;
  return v_count;
end $$;

-- Deletes the items of data sets that have words of the user, with their results. What the user
-- wrote into data sets stays, under another name. Evaluations whose open results are deleted
-- complete. Rows are locked in the order of grade_runs.sql.
create or replace function howdah_private.erase_dataset_items(u howdah.users, runs uuid[])
  returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_items uuid[] := array(
    select i.id from howdah_private.items_of_user(u, erase_dataset_items.runs) as i (id));
  v_evaluations uuid[] := array(
    select distinct r.evaluation_id from howdah.evaluation_results as r
    where r.tenant_id = u.tenant_id and r.item_id = any (v_items) order by 1);
  v_count int;
begin
  delete from howdah_private.due_grades as d
  where d.execution_id = any (array(
    select r.execution_id from howdah.evaluation_results as r
    where r.tenant_id = u.tenant_id and r.item_id = any (v_items)));
  delete from howdah.dataset_items as i
  where i.tenant_id = u.tenant_id and i.id = any (v_items);
  get diagnostics v_count = row_count;
  perform howdah_private.follow_evaluation(e.id) from unnest(v_evaluations) as e (id);
  return v_count;
end $$;

-- Erases the answers of the user to questions of other runs, the messages to agents, and the files
-- and comments of the user.
create or replace function howdah_private.erase_user_traces(u howdah.users, runs uuid[])
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_answer record;
  v_answers int := 0;
  v_files jsonb;
begin
  perform howdah_private.erase_forks(u, erase_user_traces.runs);
  perform howdah_private.erase_inbox_answers(u, erase_user_traces.runs);
  for v_answer in
    update howdah.questions as q
    set answer = case q.kind when 'question' then '[erased]' else q.answer end, answer_data = null
    where q.tenant_id = u.tenant_id and q.answered_by = u.username
      and q.execution_id <> all (erase_user_traces.runs)
    returning q.execution_id, q.call_id,
      q.kind = 'question' or q.answer = 'reject' as is_in_log
  loop
    v_answers := v_answers + 1;
    if v_answer.is_in_log then
      perform howdah_private.erase_answer_log(c.id, v_answer.call_id)
      from howdah_private.run_and_forks(u.tenant_id, v_answer.execution_id) as c (id);
    end if;
  end loop;
  v_files := howdah_private.delete_files(array(
    select r.id from howdah.resources as r
    where r.tenant_id = u.tenant_id and r.created_by = u.username
  ));
  update howdah.feedback_entries as f set comment = '[erased]'
  where f.tenant_id = u.tenant_id and f.created_by = u.username and f.comment is not null;
  return v_files || jsonb_build_object(
    'questions', v_answers, 'mail', howdah_private.erase_mail(u, erase_user_traces.runs),
    'memories', howdah_private.erase_memories(u, erase_user_traces.runs),
    'dataset_items', howdah_private.erase_dataset_items(u, erase_user_traces.runs));
end $$;

-- Deletes the rows that are only about the user, such as keys, searches and saved views. Returns
-- the number of rows by table.
create or replace function howdah_private.delete_own_rows(u howdah.users) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_counts jsonb := howdah_private.delete_rows_of_user(u);
  v_searches bigint;
  v_keys bigint;
  v_accounts bigint;
begin
  delete from howdah.searches as s where s.tenant_id = u.tenant_id and s.user_id = u.id;
  get diagnostics v_searches = row_count;
  delete from howdah.api_keys as k where k.tenant_id = u.tenant_id and k.user_id = u.id;
  get diagnostics v_keys = row_count;
  perform howdah_private.end_account(a) from howdah.connected_accounts as a
  where a.tenant_id = u.tenant_id and a.user_id = u.id order by a.id;
  get diagnostics v_accounts = row_count;
  delete from howdah_private.request_keys as k
  where k.tenant_id = u.tenant_id and k.caller = u.id::text;
  delete from howdah_private.mcp_sessions as s where s.tenant_id = u.tenant_id and s.caller = u.id;
  return v_counts || jsonb_build_object(
    'searches', v_searches, 'api_keys', v_keys, 'connected_accounts', v_accounts);
end $$;

-- Replaces the name of the user in all rows, and deactivates the user.
create or replace function howdah_private.rename_user(u howdah.users, new_name text) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah_private.inbox as i
  set output = i.output || jsonb_build_object('by', new_name)
  where i.id in (select a.id from howdah_private.inbox_answers(u) as a);
  select howdah_private.rename_in_log(array(
    select c.id from howdah.questions as q
    cross join lateral howdah_private.run_and_forks(q.tenant_id, q.execution_id) as c (id)
    where q.tenant_id = u.tenant_id and q.answered_by = u.username
    union
    select c.id from howdah_private.runs_continued_by(u) as c (id)
  ), u.username, new_name);
  update howdah.questions as q
  set answered_by = case q.answered_by when u.username then new_name else q.answered_by end,
    escalate_to = case
      when q.escalate_to = u.username
        and u.username <> all (enum_range(null::howdah.user_role)::text[])
        then new_name
      else q.escalate_to end
  where q.tenant_id = u.tenant_id and u.username in (q.answered_by, q.escalate_to);
  select howdah_private.rename_creator(u.tenant_id, u.username, new_name);
  select howdah_private.rename_author(u.tenant_id, u.username, new_name);
  update howdah.users as x set username = new_name, email = null, is_active = false
  where x.id = u.id
$$;
