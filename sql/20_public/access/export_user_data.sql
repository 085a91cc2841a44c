-- Exports everything about a user as documents, one per row, so that a long history does not have
-- to fit into one value. Users may export their own data without naming themselves. Other callers
-- need the permission to manage users. The first document of a redacted export says so.
create or replace function howdah.export_user_data(user_id uuid default null,
  redact boolean default false)
  returns setof jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
as $$
declare
  v_id uuid := coalesce(export_user_data.user_id, howdah.current_user_id());
  v_redact boolean := coalesce(export_user_data.redact, false);
  v_user howdah.users;
  v_runs uuid[];
begin
  if v_id is null then
    return; -- the caller acts for the tenant and is no user
  end if;
  v_user := howdah_private.find_user(v_id);
  if v_user.id is distinct from howdah.current_user_id() then
    perform howdah_private.permit('users', 'manage');
  end if;
  v_runs := howdah_private.runs_of_user(v_user);
  -- runs of an agent that is hidden from the caller are left out
  v_runs := array(
    select e.id::uuid from howdah.executions as e where e.id = any (v_runs)
      and howdah_private.sees_agent(coalesce(e.agent_id, e.workflow_id)) order by e.id);
  return next howdah_private.exported_row('user', to_jsonb(v_user), 'howdah.users', v_redact)
    || jsonb_build_object('format', 'howdah-user', 'version', 1)
    || case when v_redact then '{"contents": "redacted"}'::jsonb else '{}' end;
  return query select howdah_private.exported_rows(v_user, v_redact);
  return query
    select howdah_private.exported_row('session', to_jsonb(s), 'howdah.sessions', v_redact)
      || jsonb_build_object('todos', coalesce((
        select to_jsonb(array_agg(
          howdah_private.exported_row('todo', to_jsonb(t), 'howdah.todos', v_redact)
          order by t.position))
        from howdah.todos as t where t.session_id = s.id
      ), '[]'))
    from howdah.sessions as s where s.tenant_id = v_user.tenant_id and s.user_id = v_user.id
    order by s.id;
  return query
    select jsonb_build_object('kind', 'run') || howdah_private.exported_run(e.id, 0, v_redact)
    from howdah.executions as e
    where e.id = any (v_runs)
      and (e.parent_execution_id is null or e.parent_execution_id <> all (v_runs))
    order by e.id;
  return query select howdah_private.exported_answers(v_user, v_runs, v_redact);
  return query select howdah_private.exported_feedback(v_user, v_runs, v_redact);
  return query select howdah_private.exported_mail(v_user, v_runs, v_redact);
  return query select howdah_private.exported_memories(v_user, v_runs, v_redact);
  return query
    select howdah_private.exported_row('resource', to_jsonb(r), 'howdah.resources', v_redact)
    from (
      select x.id, x.tenant_id, x.name, x.type, x.storage_path, x.size, x.sha256, x.metadata,
        x.execution_id, x.session_id, x.created_by, x.created_at
      from howdah.resources as x
      where x.tenant_id = v_user.tenant_id
        and (x.created_by = v_user.username or x.execution_id = any (v_runs)
          or x.session_id in (
            select s.id from howdah.sessions as s
            where s.tenant_id = x.tenant_id and s.user_id = v_user.id))
    ) as r order by r.id;
end $$;
comment on function howdah.export_user_data(uuid, boolean) is
  'Exports everything about a user, by default the caller, one document per row: user, grants, '
  'API keys, connected accounts (without tokens), limits, agents, schedules, inbound hooks, '
  'approvals, tests of models, sessions, runs with their logs, answers, feedback, messages to '
  'agents, board entries, memories, files (without content). With redact, leaves out all contents.';

-- Returns the messages that the user and the runs of the user sent to agents, and the board entries
-- that these runs wrote.
create or replace function howdah_private.exported_mail(u howdah.users, runs uuid[], redact boolean)
  returns setof jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query select howdah_private.exported_row('mail', to_jsonb(m), 'howdah.mail',
    exported_mail.redact)
    from howdah.mail as m
    where m.tenant_id = u.tenant_id
      and (m.created_by = u.username or m.from_execution_id = any (exported_mail.runs))
      and howdah_private.sees_agent(m.to_agent_id)
    order by m.id;
  return query select howdah_private.exported_row('board_entry', to_jsonb(b),
    'howdah.board_entries', exported_mail.redact)
    from howdah.board_entries as b where b.written_by_execution_id = any (exported_mail.runs)
    order by b.id;
end $$;

-- Returns the memories about the user, those that the user or the runs of the user wrote, and those
-- whose proposal the user decided. Leaves out those of other users, and of agents that are hidden
-- from the caller of the export.
create or replace function howdah_private.exported_memories(u howdah.users, runs uuid[],
  redact boolean) returns setof jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query select howdah_private.exported_row('memory', to_jsonb(m), 'howdah.memories',
    exported_memories.redact)
    from howdah.memories as m
    where m.tenant_id = u.tenant_id and (m.user_id = u.id or m.created_by = u.username
        or m.decided_by = u.username or m.source_execution_id = any (exported_memories.runs))
      and (m.user_id is null or m.user_id in (u.id, howdah.current_user_id())
        or howdah_private.may('users', 'manage'))
      and howdah_private.sees_agent(m.agent_id)
    order by m.id;
end $$;

-- Returns the answers of the user in other runs, if the caller of the export sees the agents of
-- those runs. Another user may have had the username before.
create or replace function howdah_private.exported_answers(u howdah.users, runs uuid[],
  redact boolean) returns setof jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query select howdah_private.exported_row('answer', to_jsonb(q), 'howdah.questions',
    exported_answers.redact)
      || jsonb_build_object('question_kind', q.kind)
    from howdah.questions as q
    where q.tenant_id = u.tenant_id and q.answered_by = u.username
      and q.execution_id <> all (exported_answers.runs)
      and exists (select from howdah.executions as e
        where e.id = q.execution_id
          and howdah_private.sees_agent(coalesce(e.agent_id, e.workflow_id)))
    order by q.id;
end $$;

-- Returns the feedback that the user gave, and the feedback on the runs of the user.
create or replace function howdah_private.exported_feedback(u howdah.users, runs uuid[],
  redact boolean) returns setof jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query select howdah_private.exported_row('feedback', to_jsonb(f),
    'howdah.feedback_entries', exported_feedback.redact)
    from howdah.feedback_entries as f
    where f.tenant_id = u.tenant_id and (f.execution_id = any (exported_feedback.runs) or (
      f.created_by = u.username and exists (select from howdah.executions as e
        where e.id = f.execution_id
          and howdah_private.sees_agent(coalesce(e.agent_id, e.workflow_id)))))
    order by f.id;
end $$;

-- Returns a row of the user as a document of this kind.
create or replace function howdah_private.exported_row(kind text, document jsonb, relation regclass,
  redact boolean)
  returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.redact_document(
    exported_row.document,
    case when exported_row.redact then howdah_private.content_columns(exported_row.relation) end
  ) || jsonb_build_object('kind', exported_row.kind)
$$;
