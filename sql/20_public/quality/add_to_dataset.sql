-- Adds ended runs to data sets.

-- Returns the users whose words a run may have read: who spoke before it in its session, or in a
-- session that this one is a fork of. The run has also read its parent, its children, the run that
-- it is a fork of, and runs that sent it messages, with all that these had read. Who answered
-- questions and sent messages in all these runs has spoken, too.
create or replace function howdah_private.users_of_conversation(execution_id uuid)
  returns setof uuid
  language sql stable security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
  -- a run that was found in a session does not lead to this session again
  with recursive sources (run_id, session_id, last_turn) as (
    select e.id::uuid, e.session_id, e.turn from howdah.executions as e
    where e.id = users_of_conversation.execution_id
    union
    select n.*
    from sources as r
    cross join lateral (
      select t.id::uuid, null::uuid, null::int
      from howdah.sessions as s
      join howdah.executions as t on t.tenant_id = s.tenant_id and t.session_id = s.id
      where s.id = r.session_id and t.turn <= r.last_turn
      union all
      select null, s.forked_from_session_id, s.forked_from_turn from howdah.sessions as s
      where s.id = r.session_id and s.forked_from_session_id is not null
      union all
      select x.id::uuid, x.session_id, x.turn
      from howdah_private.related_runs(r.run_id) as l (id)
      cross join lateral (
        select e.* from howdah.executions as e where e.id = l.id offset 0) as x
      offset 0
    ) as n
  )
  select e.user_id
  from sources as r
  cross join lateral (
    select x.user_id from howdah.executions as x where x.id = r.run_id offset 0) as e
  where e.user_id is not null
  union
  select s.user_id from sources as r join howdah.sessions as s on s.id = r.session_id
  where s.user_id is not null
  union
  select u.id
  from sources as r
  cross join lateral (
    select q.tenant_id, q.answered_by as username from howdah.questions as q
    where q.execution_id = r.run_id and q.answered_by is not null
    union all
    select m.tenant_id, m.created_by from howdah.mail as m
    where m.received_by_execution_id = r.run_id and m.created_by is not null
    offset 0
  ) as a
  join howdah.users as u on u.tenant_id = a.tenant_id and u.username = a.username
$$;

-- Returns the runs whose words a run has read, besides those of its session.
create or replace function howdah_private.related_runs(execution_id uuid) returns setof uuid
  language sql stable security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
  select n.id from howdah.executions as e
  cross join lateral (values (e.forked_from_execution_id), (e.parent_execution_id)) as n (id)
  where e.id = related_runs.execution_id and n.id is not null
  union all
  select c.id::uuid from howdah.executions as c
  where c.parent_execution_id = related_runs.execution_id
  union all
  select m.from_execution_id from howdah.mail as m
  where m.received_by_execution_id = related_runs.execution_id
    and m.from_execution_id is not null
$$;

-- Returns what anonymizing withholds from the texts of a run: addresses and numbers of persons, the
-- names of the users of its conversation, and what the filters of the tenant look for. A number has
-- seven digits or more, with at most three separators between two of them. Dates, years and
-- decimals are no such numbers.
create or replace function howdah_private.anonymizing_filters(execution_id uuid)
  returns howdah.output_filters[]
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select array_agg(
    jsonb_populate_record(null::howdah.output_filters, jsonb_build_object(
      'name', w.name, 'pattern', w.pattern, 'action', 'redact'))
    order by w.place, w.name)
  from (
    values
      (1, 'email', '("[^"\n]{1,64}"|[^\s@<>()\[\],;:"]+)@[[:alnum:]-]+(\.[[:alnum:]-]+)*'),
      (4, 'iban', '\m[A-Z]{2}\d{2}([ -]?[A-Z0-9]{4}){2,7}([ -]?[A-Z0-9]{1,3})?\M'
        '|\m[A-Za-z]{2}\d{2}([A-Za-z0-9]{4}){2,7}[A-Za-z0-9]{0,3}\M'),
      (5, 'ip', '\m\d{1,3}(\.\d{1,3}){3}\M'),
      (6, 'ip', '(?i)(?<![\w:])(?=[0-9a-f:]*\d)(([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}'
        '|([0-9a-f]{1,4}:){1,6}(:[0-9a-f]{1,4}){1,6}|([0-9a-f]{1,4}:){1,7}:'
        '|::([0-9a-f]{1,4}:){0,6}[0-9a-f]{1,4})(?![\w:])'),
      (7, 'number', '(?<!\d)(?<!\d[./:,–-])(?!\d{4}-\d\d-\d\d(?!\d)|\d{4}/\d\d?/\d\d?(?!\d)'
        '|\d\d?\. ?\d\d?\. ?\d{2,4}(?!\d)|\d\d?/\d\d?/\d{2,4}(?!\d)'
        '|(19|20)\d\d ?[/–-] ?(19|20)\d\d(?!\d)|(0|[1-9]\d*)\.\d+(?![\d./()–-]|[ ]\d))'
        '\+?\(?\d([ ./()–-]{0,3}\d){6,}')
    union all
    select 2, 'user', concat('(?i)', case when n.name ~ '^\w' then '\m' end,
      regexp_replace(n.name, '([^[:alnum:]])', '\\\1', 'g'), case when n.name ~ '\w$' then '\M' end)
    from howdah_private.users_of_conversation(anonymizing_filters.execution_id) as c (id)
    join howdah.users as u on u.tenant_id = howdah.current_tenant() and u.id = c.id
    cross join lateral (values (u.email), (u.username)) as n (name)
    where n.name <> ''
    union all
    select 3, f.name, f.pattern from howdah.output_filters as f
    where f.tenant_id = howdah.current_tenant() and f.is_active
  ) as w (place, name, pattern)
$$;

-- Withholds from an item what filters look for. The bytes of images, audio and files cannot be
-- searched, so an item with them is refused.
create or replace function howdah_private.anonymized_item(
  item howdah.dataset_items, filters howdah.output_filters[]
) returns howdah.dataset_items
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_hits jsonb;
begin
  if jsonb_path_exists(
    jsonb_build_array(jsonb_build_object('parts', item.input_parts))
      || coalesce(item.history, '[]'),
    '$[*].*[*] ? (@.type like_regex "^(image_url|input_audio|file|resource)$")') then
    raise exception using errcode = 'HWCNF',
      message = format('execution %s has files, which cannot be anonymized',
        item.source_execution_id),
      detail = jsonb_build_object('execution_id', item.source_execution_id,
        'field', 'anonymize')::text,
      hint = 'Insert a row into howdah.dataset_items with what may be kept.';
  end if;
  select f.value into item.input
  from howdah_private.filter_text(filters, 'input', item.input, v_hits) as f;
  select f.value into item.input_data
  from howdah_private.filter_field(filters, 'input_data', item.input_data, v_hits) as f;
  select f.value into item.expected
  from howdah_private.filter_field(filters, 'expected', item.expected, v_hits) as f;
  if item.input_parts is not null then
    select f.parts into item.input_parts
    from howdah_private.filter_parts(filters, 'input_parts', item.input_parts, v_hits) as f;
  end if;
  if item.history is not null then
    select f.history into item.history
    from howdah_private.filter_history(filters, item.history, v_hits) as f;
  end if;
  return item;
end $$;

-- Refuses a step that the run does not have. Null is no step. The caller has checked the run.
create or replace function howdah_private.check_step_of_run(
  execution_id uuid, seq int, field text
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if check_step_of_run.seq is not null and not exists (
    select from howdah.steps as s
    where s.execution_id = check_step_of_run.execution_id and s.seq = check_step_of_run.seq
  ) then
    raise exception using errcode = 'HWNTF',
      message = format('execution %s has no step %s',
        coalesce(check_step_of_run.execution_id::text, 'null'), check_step_of_run.seq),
      detail = jsonb_build_object('field', check_step_of_run.field)::text,
      hint = 'See howdah.steps for the steps of the run.';
  end if;
end $$;

-- Returns the last text that a step added to the conversation of its run, or null.
create or replace function howdah_private.answer_of_step(execution_id uuid, seq int) returns text
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select m.content from howdah.messages as m
  where m.execution_id = answer_of_step.execution_id and m.step_seq = answer_of_step.seq
    and m.role in ('assistant', 'tool') and m.content <> ''
  order by m.seq desc limit 1
$$;

-- Returns the input of a run with the conversation before it, and its answer or that of one of its
-- steps as what is expected, or what is given instead. The caller must see the run: its context is
-- that of the run, as in exports of the run.
create or replace function howdah_private.item_of_run(
  execution_id uuid, expected jsonb, seq int, anonymize boolean
) returns howdah.dataset_items
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions;
  v_item howdah.dataset_items;
begin
  select e.* into v_run from howdah.executions as e
  where e.id = item_of_run.execution_id and e.tenant_id = howdah.current_tenant()
    and howdah_private.sees_agent(coalesce(e.agent_id, e.workflow_id));
  if v_run.turn > 1 and exists (
    select from howdah.executions as t
    where t.tenant_id = v_run.tenant_id and t.session_id = v_run.session_id and t.turn < v_run.turn
      and not howdah_private.sees_agent(coalesce(t.agent_id, t.workflow_id))) then
    raise exception using errcode = 'HWDEN',
      message = format('the conversation before execution %s has turns of an agent that you may '
        'not see', v_run.id),
      detail = jsonb_build_object('execution_id', v_run.id)::text,
      hint = 'Ask an admin to add the run, or insert a row into howdah.dataset_items.';
  end if;
  if v_run.overrides -> 'ephemeral' = 'false'
    and howdah_private.sub_run_history(v_run.id) <> '[]' then
    raise exception using errcode = 'HWCNF',
      message = format('execution %s continues the conversation of a sub-agent, which an item '
        'cannot keep', v_run.id),
      detail = jsonb_build_object('execution_id', v_run.id)::text,
      hint = 'Add its first run, or insert a row into howdah.dataset_items with a history.';
  end if;
  v_item.source_execution_id := v_run.id;
  v_item.input := v_run.input;
  v_item.input_data := v_run.input_data;
  v_item.input_parts := v_run.input_parts;
  v_item.history := nullif(
    case when v_run.turn > 1 then howdah_private.messages_before_turn(v_run.tenant_id,
      v_run.session_id, v_run.turn - 1) else '[]' end || coalesce(v_run.history, '[]'), '[]');
  v_item.source_seq := item_of_run.seq;
  v_item.expected := case
    when item_of_run.expected is not null then item_of_run.expected
    when item_of_run.seq is null or exists (
      select from howdah.steps as s
      where s.execution_id = v_run.id and s.seq = item_of_run.seq and s.kind = 'output')
      then coalesce(v_run.output_data, to_jsonb(v_run.output))
    else to_jsonb(howdah_private.answer_of_step(v_run.id, item_of_run.seq)) end;
  if item_of_run.anonymize then
    v_item := howdah_private.anonymized_item(v_item,
      howdah_private.anonymizing_filters(v_run.id));
  end if;
  return v_item;
end $$;

-- Refuses a run whose texts, or those of the conversation before it, cannot be read.
create or replace function howdah_private.check_contents_of_run(execution_id uuid) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_unreadable record;
begin
  select t.id, t.contents_encrypted_at is not null as is_encrypted into v_unreadable
  from howdah.executions as e
  join howdah.executions as t on t.id = e.id
    or e.turn > 1 and t.tenant_id = e.tenant_id and t.session_id = e.session_id and t.turn < e.turn
  where e.id = check_contents_of_run.execution_id
    and num_nonnulls(t.contents_encrypted_at, t.contents_erased_at) > 0
  order by t.id desc limit 1;
  if found then
    raise exception using errcode = 'HWCNF',
      message = format('the contents of execution %s are %s', v_unreadable.id,
        case when v_unreadable.is_encrypted then 'encrypted' else 'erased' end),
      detail = jsonb_build_object('execution_id', v_unreadable.id)::text,
      hint = 'Insert a row into howdah.dataset_items with the input and what is expected.';
  end if;
end $$;

-- Adds an ended run to a data set in one call. Reads the run with the rights of the caller.
create or replace function howdah.add_to_dataset(
  dataset text, execution_id uuid, expected jsonb default null, split text default null,
  metadata jsonb default '{}', anonymize boolean default false, seq int default null
) returns howdah.dataset_items
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_dataset_id uuid := howdah_private.dataset_named(add_to_dataset.dataset);
  v_run record;
  v_item howdah.dataset_items;
begin
  select e.id, e.status into v_run
  from howdah.executions as e where e.id = add_to_dataset.execution_id;
  if v_run.id is null then
    raise exception using errcode = 'HWNTF',
      message = format('there is no execution %s',
        coalesce(add_to_dataset.execution_id::text, 'null')),
      detail = jsonb_build_object('execution_id', add_to_dataset.execution_id)::text,
      hint = 'See howdah.executions for the runs that exist.';
  end if;
  perform howdah_private.check_step_of_run(v_run.id, add_to_dataset.seq, 'seq');
  perform howdah_private.check_contents_of_run(v_run.id);
  v_item := howdah_private.item_of_run(v_run.id, add_to_dataset.expected, add_to_dataset.seq,
    coalesce(add_to_dataset.anonymize, false));
  if add_to_dataset.expected is null
    and (add_to_dataset.seq is null and v_run.status <> 'completed'
      or add_to_dataset.seq is not null and v_item.expected is null) then
    raise exception using errcode = 'HWINV',
      message = case when add_to_dataset.seq is null
        then format('expected is missing, and the run is %s', v_run.status)
        else format('expected is missing, and step %s has no answer', add_to_dataset.seq) end,
      detail = '{"field": "expected"}', hint = 'Say what the answer should have been.';
  end if;
  insert into howdah.dataset_items as i (dataset_id, source_execution_id, source_seq, input,
    input_data, input_parts, history, expected, split, metadata)
  values (v_dataset_id, v_run.id, v_item.source_seq, v_item.input, v_item.input_data,
    v_item.input_parts, v_item.history, v_item.expected, add_to_dataset.split,
    coalesce(add_to_dataset.metadata, '{}'))
  returning i.* into v_item;
  return v_item;
end $$;
comment on function howdah.add_to_dataset(text, uuid, jsonb, text, jsonb, boolean, int) is
  'Adds a run to a data set: its input with files and the conversation before it, what is expected '
  '(by default its answer, or that of the step seq), and the version that ran. With anonymize, the '
  'names of users, what filters look for, addresses and long numbers are withheld. Raises HWCNF '
  'for a run whose contents are encrypted or erased, or whose files cannot be anonymized.';
