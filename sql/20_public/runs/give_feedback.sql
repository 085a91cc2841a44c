-- Stores feedback on a run or on one of its messages. A person has one entry per run and message: a
-- second call replaces the first, and the audit log keeps both. The run may be live or ended, and
-- may belong to another user. The row of the run is locked, so that a concurrent deletion of the
-- run also deletes the feedback.
--
-- The entry says who gave it. An agent acts for its user, and so the source is part of the key: a
-- tool call cannot replace what the person said. Nor can the report of a program about the person.
-- An outcome has one entry per run and message, whoever reports it.
create or replace function howdah.give_feedback(
  execution_id uuid, score double precision, comment text default null,
  message_seq int default null, user_id uuid default null, outcome text default null
) returns howdah.feedback_entries
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_run howdah.executions := howdah_private.rated_run(give_feedback.execution_id,
    give_feedback.message_seq);
  v_comment text := nullif(btrim(give_feedback.comment), '');
  v_vote record;
  v_hits jsonb;
  v_entry howdah.feedback_entries;
begin
  if give_feedback.score is null and v_comment is null then
    raise exception using errcode = 'HWINV', message = 'feedback has neither a score nor a comment',
      detail = '{"field": "score"}', hint = 'Give a score from 0 to 1, a comment, or both.';
  end if;
  v_vote := howdah_private.feedback_vote(v_run, give_feedback.user_id, give_feedback.outcome);
  select f.value, f.hits into v_comment, v_hits
  from howdah_private.filter_text(
    coalesce(howdah_private.input_filters(v_run.tenant_id, v_run.agent_id), '{}'),
    'comment', v_comment, null) as f;
  perform howdah_private.record_input_hits(v_run.id, v_hits);
  insert into howdah.feedback_entries as f (tenant_id, execution_id, message_seq, score,
    comment, created_by, source, is_reward, outcome, is_reported)
  values (v_run.tenant_id, v_run.id, give_feedback.message_seq, give_feedback.score, v_comment,
    v_vote.author, v_vote.source, v_vote.is_reward,
    case when v_vote.source = 'outcome' then give_feedback.outcome end,
    give_feedback.user_id is not null and howdah.current_user_id() is null)
  on conflict (execution_id, source, coalesce(outcome, created_by), coalesce(message_seq, 0))
  do update set score = excluded.score, comment = excluded.comment,
    created_by = excluded.created_by, is_reward = excluded.is_reward,
    is_reported = excluded.is_reported
  where f.is_reported or not excluded.is_reported
  returning * into v_entry;
  perform howdah_private.raise_person_has_voted(v_run.id, v_vote.author) where v_entry.id is null;
  perform howdah_private.enqueue_added_contents(v_run.id) where v_comment is not null;
  perform howdah_private.audit_action(v_run.tenant_id, 'give_feedback', 'executions',
    v_run.id::text,
    jsonb_strip_nulls(jsonb_build_object('score', v_entry.score, 'message_seq',
      v_entry.message_seq, 'source', nullif(v_entry.source, 'person'), 'outcome', v_entry.outcome,
      'user', case when v_vote.author <> howdah_private.actor() then v_vote.author end)),
    case when v_comment is not null then jsonb_build_object('comment', v_comment) end);
  return v_entry;
end $$;
comment on function howdah.give_feedback(uuid, double precision, text, int, uuid, text) is
  'Gives feedback on a run, or on one of its messages: a score from 0 to 1, a comment, or both. A '
  'second call replaces the earlier feedback. A program names the person in user_id, or the event '
  'in the business in outcome. Raises HWCNF if the person has given feedback without the program.';

-- Refuses what a program reports for a person who has spoken.
create or replace function howdah_private.raise_person_has_voted(execution_id uuid, author text)
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWCNF',
    message = format('%s has given feedback without a program', raise_person_has_voted.author),
    detail = jsonb_build_object('field', 'user_id',
      'execution_id', raise_person_has_voted.execution_id)::text,
    hint = 'The feedback of the person stays. Only the person can replace it.';
end $$;

-- Returns who gives feedback on a run, in which capacity, and whether it counts as a reward: an
-- agent does not grade itself, nor does a program the runs that it started, also by a schedule or
-- an inbound hook: created_by of such a run is who wrote the definition. A key may not pass its
-- own opinion off as an outcome; a trigger of the application may, since its login starts runs too.
-- A request of a tool to the API speaks for its agent, whatever key it has.
create or replace function howdah_private.feedback_vote(
  run howdah.executions, user_id uuid, outcome text,
  out author text, out source howdah.feedback_source, out is_reward boolean
)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_caller_id constant uuid := howdah.current_user_id();
  v_execution_id constant uuid := howdah_private.causing_execution_id();
  v_has_started boolean;
  v_has_key constant boolean := howdah_private.has_trusted_login()
    and coalesce(current_setting('howdah.api_key_id', true), '') <> '';
begin
  if num_nulls(feedback_vote.user_id, feedback_vote.outcome) = 0 then
    raise exception using errcode = 'HWINV', message = 'user_id and outcome are both given',
      detail = '{"field": "outcome"}',
      hint = 'Give user_id for what a person says, or outcome for an event in the business.';
  end if;
  author := case when feedback_vote.user_id is null then howdah_private.actor()
    else howdah_private.named_author(run, feedback_vote.user_id) end;
  v_has_started := howdah_private.has_started(howdah_private.former_authors() || author, run);
  if v_execution_id is not null then
    source := 'agent';
    is_reward := howdah_private.is_independent(v_execution_id, run)
      and (howdah_private.is_bound() or v_caller_id is not null or not v_has_started);
    return;
  end if;
  if feedback_vote.outcome is not null then
    perform howdah_private.check_admin('report the outcome of a run');
  end if;
  source := case when feedback_vote.outcome is not null then 'outcome'
    when coalesce(feedback_vote.user_id, v_caller_id) is not null then 'person'
    else 'program' end;
  is_reward := source = 'person'
    or source = 'outcome' and not v_has_key or not v_has_started;
end $$;

-- Returns the earlier names of the API key of the caller, as in created_by.
create or replace function howdah_private.former_authors() returns text[]
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select array(
    select 'API key ' || n.name
    from howdah.api_keys as k cross join unnest(k.former_names) as n (name)
    where k.id = (select a.api_key_id from howdah_private.audit_actor() as a))
$$;

-- Returns whether a run was started by a caller with one of these names, or by a run of that
-- caller: as a child, by SQL or a request of a tool, or to undo its calls.
create or replace function howdah_private.has_started(authors text[], run howdah.executions)
  returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
  with recursive starters as (
    select (has_started.run).id::uuid as id, 0 as distance
    union
    select n.id, s.distance + 1
    from starters as s
    cross join lateral (
      select e.* from howdah.executions as e
      where e.id = s.id and e.tenant_id = (run).tenant_id offset 0
    ) as e
    cross join lateral (values (nullif(e.root_execution_id, e.id)), (e.started_by_execution_id),
      (e.compensates_execution_id)) as n (id)
    where n.id is not null and s.distance < 100
  )
  select exists (
    select from starters as s
    cross join lateral (
      select e.* from howdah.executions as e
      where e.id = s.id and e.tenant_id = (run).tenant_id offset 0
    ) as e
    where e.created_by = any (has_started.authors) and e.parent_execution_id is null)
$$;

-- Returns whether a run may judge another one: both and those that they act for share no tree,
-- session, agent or workflow. A run acts for the runs above it and for the run that started it by a
-- tool. It had several agents if it was handed over. False for a run that does not exist.
create or replace function howdah_private.is_independent(rater uuid, rated howdah.executions)
  returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
  with recursive runs as (
    select r.is_rater, r.id, 0 as distance
    from (values (true, is_independent.rater), (false, (rated).id::uuid)) as r (is_rater, id)
    union
    select r.is_rater, n.id, r.distance + 1
    from runs as r
    cross join lateral (
      select e.* from howdah.executions as e
      where e.id = r.id and e.tenant_id = (rated).tenant_id offset 0
    ) as e
    cross join lateral (values (e.parent_execution_id), (e.started_by_execution_id)) as n (id)
    where n.id is not null and r.distance < 100
  ),
  parties as (
    select r.is_rater, p.id
    from runs as r
    cross join lateral (
      select e.* from howdah.executions as e
      where e.id = r.id and e.tenant_id = (rated).tenant_id offset 0
    ) as e
    cross join lateral (
      select unnest(array[e.root_execution_id, e.session_id, e.agent_id, e.workflow_id])
      union all
      select unnest(array[s.output #>> '{from,agent_id}', s.output #>> '{to,agent_id}']::uuid[])
      from howdah.steps as s
      where e.handoffs > 0 and s.execution_id = e.id and s.kind = 'handoff'
    ) as p (id)
    where p.id is not null
  )
  select exists (select from parties as p where p.is_rater)
    and not exists (
      select from parties as a join parties as b on b.id = a.id where a.is_rater and not b.is_rater)
$$;

-- Returns the name of the person for whom a program gives feedback. Someone who is a person, or an
-- agent that acts for one, speaks for nobody else.
create or replace function howdah_private.named_author(run howdah.executions, user_id uuid)
  returns text
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text;
begin
  if howdah_private.causing_execution_id() is not null
    or howdah.current_user_id() <> named_author.user_id then
    raise exception using errcode = 'HWDEN',
      message = 'only a program without a user may give feedback for a person',
      detail = '{"field": "user_id"}', hint = 'Leave user_id out.';
  end if;
  select u.username into v_name from howdah.users as u
  where u.tenant_id = run.tenant_id and u.id = named_author.user_id and u.is_active;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no active user %s', coalesce(named_author.user_id::text, 'null')),
      detail = jsonb_build_object('field', 'user_id', 'user_id', named_author.user_id)::text,
      hint = 'See howdah.users for the users of the tenant.';
  end if;
  return v_name;
end $$;

-- Returns and locks the run that feedback is about. The caller must be able to see the run and to
-- run its agent.
create or replace function howdah_private.rated_run(id uuid, message_seq int)
  returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := case when howdah_private.is_operator()
    then (select x.tenant_id from howdah.executions as x where x.id = rated_run.id)
    else howdah.current_tenant() end;
  v_run howdah.executions;
begin
  perform howdah_private.lock_caller();
  select e.* into v_run from howdah.executions as e
  where e.id = rated_run.id and e.tenant_id = v_tenant_id
    and howdah_private.sees_agent(coalesce(e.agent_id, e.workflow_id))
  for key share;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no execution %s', coalesce(rated_run.id::text, 'null')),
      detail = jsonb_build_object('execution_id', rated_run.id)::text,
      hint = 'See howdah.executions for the runs that exist.';
  end if;
  perform from howdah.executions as e -- after an encryption that has read the feedback so far
  where e.id = v_run.id and e.completed_at is not null for no key update;
  perform howdah_private.permit('feedback_entries', 'run');
  perform howdah_private.check_agent_right(coalesce(v_run.agent_id, v_run.workflow_id), 'run',
    case when v_run.agent_id is null then 'workflow' else 'agent' end);
  if rated_run.message_seq is not null and not exists (
    select from howdah.messages as m
    where m.execution_id = v_run.id and m.seq = rated_run.message_seq
  ) then
    raise exception using errcode = 'HWNTF',
      message = format('execution %s has no message %s', v_run.id, rated_run.message_seq),
      detail = jsonb_build_object('execution_id', v_run.id, 'message_seq', rated_run.message_seq,
        'field', 'message_seq')::text,
      hint = 'Leave message_seq out to rate the whole run. See howdah.messages for its messages.';
  end if;
  return v_run;
end $$;
