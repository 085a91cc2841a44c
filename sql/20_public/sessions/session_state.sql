-- Summarizes the state of a session in one call, for clients that poll or that read it again after
-- each event.

-- Returns a number that grows with every change of the runs, questions and todos of a session. It
-- is a sum of counters, each changed under the lock of its own row, so a later commit always adds
-- to the sum, whenever its transaction began.
create or replace function howdah_private.session_version(session_id uuid) returns bigint
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with roots as materialized (
    select e.id::uuid as id, e.tenant_id,
      1 + coalesce(h.step_count, e.step_count) + e.fence + e.moves as changes
    from howdah.sessions as s
    join howdah.executions as e on e.tenant_id = s.tenant_id and e.session_id = s.id
    left join howdah_private.run_heads as h on h.execution_id = e.id
    where s.id = session_version.session_id and e.parent_execution_id is null
  )
  select coalesce((select sum(r.changes) from roots as r), 0)::bigint
    + coalesce((
      select sum(1 + coalesce(h.step_count, c.step_count) + c.fence + c.moves) from roots as r
      join howdah.executions as c on c.root_execution_id = r.id
        and c.parent_execution_id is not null
      left join howdah_private.run_heads as h on h.execution_id = c.id
    ), 0)
    + coalesce((
      select sum(1 + (q.status <> 'open')::int + (q.escalated_at is not null)::int) from roots as r
      join howdah.questions as q on q.tenant_id = r.tenant_id and q.root_execution_id = r.id
    ), 0)
    + coalesce((
      select t.changes from howdah_private.todo_changes as t
      where t.session_id = session_version.session_id
    ), 0)
$$;

-- Returns why a session makes no progress by itself. Returns null if it makes progress, has an open
-- question of the agent, or has no live run.
create or replace function howdah_private.session_blocker(s howdah.sessions) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with live as (
    select e.id::uuid as id, e.status, e.waiting_for from howdah.executions as e
    where e.id = s.live_execution_id
       or (e.root_execution_id = s.live_execution_id and e.parent_execution_id is not null)
  ),
  last_run as (
    select e.id::uuid as id, e.status, e.error from howdah.executions as e
    where e.tenant_id = s.tenant_id and e.session_id = s.id and e.parent_execution_id is null
      and s.live_execution_id is null
    order by e.turn desc limit 1
  ),
  reasons (rank, id, reason, message, execution_id) as (
    select 1, q.id, q.kind::text,
      case q.kind when 'approval' then 'waits for approval: ' else 'waits for a person: ' end
      || q.prompt, q.execution_id
    from howdah.questions as q
    where q.tenant_id = s.tenant_id and q.root_execution_id = s.live_execution_id
      and q.status = 'open' and q.kind <> 'question'
    union all
    select 2, l.id, 'paused', 'the run is paused', l.id from live as l where l.status = 'paused'
    union all
    select 3, l.id, 'quota', 'waits until the quota allows more', l.id from live as l
    where l.waiting_for = 'quota'
    union all
    select 4, r.id, 'failed',
      'the last run failed: ' || coalesce(r.error ->> 'message', 'without a reason'), r.id
    from last_run as r where r.status = 'failed'
    union all
    (select 5, t.id, 'blocked_todo', format('todo %s is blocked: %s', t.position, t.title)
      || coalesce(' — ' || t.note, ''), null
    from howdah.todos as t where t.session_id = s.id and t.status = 'blocked'
    order by t.position limit 1)
  )
  select jsonb_build_object('reason', r.reason, 'message', r.message,
    'execution_id', r.execution_id)
  from reasons as r order by r.rank, r.id limit 1
$$;

create or replace function howdah.session_state(session_id uuid) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_session howdah.sessions := howdah_private.find_session(session_state.session_id);
begin
  return jsonb_build_object(
    'version', howdah_private.session_version(v_session.id),
    'tasks', coalesce((
      select to_jsonb(array_agg(jsonb_build_object(
        'position', t.position, 'title', t.title, 'status', t.status, 'note', t.note)
          order by t.position))
      from howdah.todos as t where t.session_id = v_session.id
    ), '[]'),
    'awaiting_user_input', (
      select jsonb_build_object('question_id', q.id, 'kind', q.kind, 'prompt', q.prompt,
        'options', q.options, 'schema', q.schema)
      from howdah.questions as q
      where q.tenant_id = v_session.tenant_id and q.root_execution_id = v_session.live_execution_id
        and q.status = 'open'
      order by q.created_at, q.id limit 1
    ),
    'blocker', howdah_private.session_blocker(v_session)
  );
end $$;
comment on function howdah.session_state(uuid) is
  'Returns the state of a session: {version, tasks, awaiting_user_input, blocker}. version grows '
  'with every change of its runs and the runs below, questions and todos. tasks is the todo list: '
  '[{position, title, status, note}]. awaiting_user_input is the oldest open question: '
  '{question_id, kind, prompt, options, schema}, or null. blocker says why the session does not '
  'continue by itself: {reason, message, execution_id}, or null. If several reasons apply, reason '
  'is the first of approval, effect, paused, quota, failed and blocked_todo.';
