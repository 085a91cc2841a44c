-- Encryption of the contents of ended runs, for tenants with encrypt_contents in their retention
-- policy. A worker reads the contents of runs, encrypts them with the data key of the tenant, and
-- writes them back, all in one transaction that has locked the runs. The database never has the
-- key. A few seconds after the end of a root run, the run is added to the queue due_work,
-- and its tree is encrypted when nothing in SQL needs its contents any more.
--
-- A run at work is in plain text, so that no statement of a live run meets encrypted contents. A
-- retry of an encrypted run and a run with copies of its contents are queued here too: a worker
-- decrypts them before any worker may claim them (decrypt_before_claim.sql). The form of
-- encrypted values is in src/secrets/encrypted-values.ts.

-- Returns whether a text is an encrypted content of a run.
create or replace function howdah_private.is_encrypted(value text) returns boolean
  language sql immutable parallel safe
  return value ~ ('^howdah\.sealed\.(v1\.[0-9a-f-]{36}\.[0-9a-f-]{36}'
    || '|v2\.[0-9a-f-]{36}\.[0-9a-f-]{36}\.[a-z_]{1,40}~[0-9A-Za-z-]{1,40}~[a-z0-9_:]{1,80})\.'
    || '[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]{22,}$');

-- Enqueues root runs that ended at least `grace` ago, and returns how many runs are due. Workers
-- call it about once a second. If no tenant wants encryption and nothing is queued, a call reads
-- two tables with few or no rows. The grace lets those read the answer who wait for it with
-- howdah.ask. The nightly retention (retain_tenant) finds runs that ended in longer transactions.
create or replace function howdah_private.enqueue_encryptions(
  grace interval default '5 seconds'
) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_until timestamptz := now() - enqueue_encryptions.grace;
  v_since timestamptz;
begin
  if exists (select from howdah.retention_policies as p where p.encrypt_contents) then
    select greatest(t.reached_at, v_until - interval '1 hour') into v_since
    from howdah_private.background_tasks as t
    where t.name = 'encryptions' for no key update skip locked;
    if found then
      insert into howdah_private.due_work (kind, id, tenant_id)
      select 'encrypt_run', e.id, e.tenant_id
      from howdah.executions as e
      join howdah.retention_policies as p on p.tenant_id = e.tenant_id and p.encrypt_contents
      where e.completed_at >= v_since - interval '10 seconds' and e.completed_at < v_until
        and e.parent_execution_id is null and e.contents_erased_at is null
        and (e.contents_encrypted_at is null or e.contents_encrypted_at < e.completed_at)
      on conflict do nothing;
      update howdah_private.background_tasks as t set reached_at = v_until
      where t.name = 'encryptions'
        and (found or t.reached_at < v_until - interval '10 seconds');
    end if;
  end if;
  return (
    select count(*)::int from howdah_private.due_work as d
    where d.kind = 'encrypt_run' and d.due_at <= now());
end $$;

-- Enqueues all ended root runs of a tenant whose contents are not as its policy says: in plain text
-- or under an earlier data key although it encrypts, or encrypted although it does not. Returns
-- their number. The policy's trigger, the rotation of keys and the nightly retention call it. Locks
-- the tenant first, as finish_encryptions does: otherwise it would miss runs that a worker encrypts
-- at the same time by the earlier policy or key, and has already removed from the queue.
create or replace function howdah_private.enqueue_missed_encryptions(tenant_id uuid) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_missed int := 0;
  v_stale int := 0;
  v_keys uuid[];
begin
  perform from howdah.tenants as t
  where t.id = enqueue_missed_encryptions.tenant_id for no key update;
  v_keys := array(
    select k.id from howdah_private.data_keys as k
    left join howdah.retention_policies as p on p.tenant_id = k.tenant_id
    where k.tenant_id = enqueue_missed_encryptions.tenant_id and k.has_contents
      and not (k.is_current and coalesce(p.encrypt_contents, false))
  );
  if exists (
    select from howdah.retention_policies as p
    where p.tenant_id = enqueue_missed_encryptions.tenant_id and p.encrypt_contents
  ) then
    insert into howdah_private.due_work (kind, id, tenant_id, priority)
    select 'encrypt_run', e.id, e.tenant_id, 2 from howdah.executions as e
    where e.tenant_id = enqueue_missed_encryptions.tenant_id
      and e.completed_at < now() - interval '5 seconds'
      and e.parent_execution_id is null and e.contents_erased_at is null
      and (e.contents_encrypted_at is null or e.contents_encrypted_at < e.completed_at)
    on conflict do nothing;
    get diagnostics v_missed = row_count;
  end if;
  if v_keys <> '{}' then
    insert into howdah_private.due_work (kind, id, tenant_id, priority)
    select 'encrypt_run', e.id, e.tenant_id, 2 from howdah.executions as e
    where e.tenant_id = enqueue_missed_encryptions.tenant_id
      and e.completed_at is not null and e.parent_execution_id is null
      and e.contents_erased_at is null and e.contents_key_id = any (v_keys)
    on conflict do nothing;
    get diagnostics v_stale = row_count;
  end if;
  return v_missed + v_stale;
end $$;

-- Locks due trees and returns the runs to encrypt or decrypt in each, at most `max_runs` in all,
-- and fewer if they have many steps: 50 steps count as a run, so that a transaction is short. Live
-- runs that wait for their decryption come first, and what a policy made due comes last. The caller
-- changes them in the same transaction. `is_last` says that the tree has no other runs to change.
-- Returns no row if no tree is due. Skips trees and runs that another transaction has locked: then,
-- and when a tree has nothing left to do, `runs` is empty.
create or replace function howdah_private.take_encryptions(max_trees int, max_runs int)
  returns table (
    root_execution_id uuid, tenant_id uuid, is_to_encrypt boolean, runs uuid[], is_last boolean
  )
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_due howdah_private.due_work;
  v_root howdah.executions;
  v_room int := take_encryptions.max_runs;
begin
  for v_due in
    select d.* from howdah_private.take_due('encrypt_run', take_encryptions.max_trees) as d
  loop
    exit when v_room <= 0;
    select e.* into v_root from howdah.executions as e
    where e.id = v_due.id for no key update skip locked;
    root_execution_id := v_due.id;
    tenant_id := v_due.tenant_id;
    is_to_encrypt := v_root.completed_at is not null and exists (
      select from howdah.retention_policies as p
      where p.tenant_id = v_root.tenant_id and p.encrypt_contents);
    if v_root.id is null
      or (v_root.completed_at is not null and howdah_private.is_tree_in_use(v_root)) then
      runs := '{}';
      is_last := false;
      perform howdah_private.postpone_encryption(v_due.id, '1 second');
    else
      select l.runs, l.is_last into runs, is_last from howdah_private.lock_runs_to_encrypt(
        v_root, is_to_encrypt, (v_due.payload ->> 'changed_at')::timestamptz, v_room) as l;
    end if;
    v_room := v_room - (
      select coalesce(sum(1 + e.step_count / 50), 0)::int from howdah.executions as e
      where e.id = any (runs));
    return next;
  end loop;
end $$;

-- Locks runs of a tree whose contents are not as its policy says, at most `max_runs`, and returns
-- them, and whether these are all. The root is encrypted first and decrypted last: a retry in
-- between finds it encrypted, and it is not claimed while contents below it are.
create or replace function howdah_private.lock_runs_to_encrypt(
  root howdah.executions, is_to_encrypt boolean, changed_at timestamptz, max_runs int,
  out runs uuid[], out is_last boolean
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[];
  v_most int;
begin
  select coalesce(array_agg(c.id order by c.place), '{}'),
    count(*) filter (where c.before < lock_runs_to_encrypt.max_runs)
  into v_ids, v_most
  from (
    select e.id::uuid, row_number() over w as place,
      sum(1 + e.step_count / 50) over w - (1 + e.step_count / 50) as before
    from howdah.executions as e
    where e.id = any (array(
        select root.id::uuid
        union all
        select c.id::uuid from howdah.executions as c
        where c.root_execution_id = root.id and c.parent_execution_id is not null
      )) and e.contents_erased_at is null and case
      when lock_runs_to_encrypt.is_to_encrypt then e.contents_encrypted_at is null
        or e.contents_encrypted_at < greatest(e.completed_at, lock_runs_to_encrypt.changed_at)
        or e.contents_key_id is distinct from (
          select k.id from howdah_private.data_keys as k
          where k.tenant_id = root.tenant_id and k.is_current)
      else e.contents_encrypted_at is not null end
    window w as (order by (e.id = root.id) = lock_runs_to_encrypt.is_to_encrypt desc, e.id)
    order by place limit lock_runs_to_encrypt.max_runs + 1
  ) as c;
  runs := array(
    select e.id::uuid from howdah.executions as e
    where e.id = any (v_ids[1:v_most])
    order by (e.id = root.id) = lock_runs_to_encrypt.is_to_encrypt desc, e.id
    for no key update skip locked
  );
  is_last := runs = v_ids;
  if cardinality(runs) < v_most then
    perform howdah_private.postpone_encryption(root.id, '1 second');
  end if;
  if not (lock_runs_to_encrypt.is_to_encrypt or is_last) then
    runs := array_remove(runs, root.id::uuid);
  end if;
end $$;

-- Ends a transaction that has changed trees: removes those that are done from the queue, and lets
-- workers claim the decrypted runs that are live. The last statement, because who enqueues the same
-- tree waits from then on until the transaction ends. Trees whose policy or data key has changed
-- meanwhile, or is being changed, stay in the queue.
create or replace function howdah_private.finish_encryptions(roots uuid[], decrypted uuid[])
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenants uuid[];
begin
  perform howdah_private.finish_decryption(finish_encryptions.decrypted)
  where cardinality(finish_encryptions.decrypted) > 0;
  v_tenants := array(
    select t.id from howdah.tenants as t
    where t.id in (select d.tenant_id from howdah_private.due_work as d
      where d.kind = 'encrypt_run' and d.id = any (finish_encryptions.roots))
    order by t.id for share skip locked
  );
  delete from howdah_private.due_work as d
  where d.kind = 'encrypt_run' and d.id = any (finish_encryptions.roots)
    and d.tenant_id = any (v_tenants)
    and not exists (
      select from howdah.executions as e
      left join howdah.retention_policies as p on p.tenant_id = e.tenant_id
      where e.id = d.id and e.contents_erased_at is null and case
        when e.completed_at is not null and p.encrypt_contents then
          e.contents_key_id is distinct from (
            select k.id from howdah_private.data_keys as k
            where k.tenant_id = e.tenant_id and k.is_current)
        else e.contents_encrypted_at is not null end);
  perform howdah_private.postpone_due('encrypt_run', finish_encryptions.roots, '1 second');
end $$;

-- Postpones a due tree, and forgets a tree that was deleted.
create or replace function howdah_private.postpone_encryption(execution_id uuid, delay interval)
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.finish_due('encrypt_run', array[postpone_encryption.execution_id])
  where not exists (
    select from howdah.executions as e where e.id = postpone_encryption.execution_id);
  select howdah_private.postpone_due(
    'encrypt_run', array[postpone_encryption.execution_id], postpone_encryption.delay)
$$;

-- Returns the current data key of a tenant for contents, or null if it has none. Locks the key, so
-- that it is not removed before the contents that it encrypts are committed.
create or replace function howdah_private.lock_content_key(tenant_id uuid) returns jsonb
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah_private.data_keys as k set has_contents = true
  where k.tenant_id = lock_content_key.tenant_id and k.is_current and not k.has_contents;
  select howdah_private.key_document(k) from howdah_private.data_keys as k
  where k.tenant_id = lock_content_key.tenant_id and k.is_current for key share
$$;

-- Returns whether contents of runs need a data key. All runs of a tree have the key of its root,
-- except while the tree is in the queue.
create or replace function howdah_private.is_content_key_in_use(key howdah_private.data_keys)
  returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select key.has_contents and (
    exists (
      select from howdah_private.due_work as d
      where d.kind = 'encrypt_run' and d.tenant_id = key.tenant_id and (
        d.payload ? 'sources' or exists (
        select from howdah.executions as e
        where e.id = d.id and e.contents_encrypted_at is not null
      ) or exists (
        select from howdah.executions as c
        where c.root_execution_id = d.id and c.parent_execution_id is not null
          and c.contents_encrypted_at is not null
      ))
    ) or exists (
      select from howdah.executions as e
      where e.tenant_id = key.tenant_id and e.completed_at is not null
        and e.parent_execution_id is null and e.contents_erased_at is null
        and e.contents_key_id = key.id
    ))
$$;

-- Returns data keys by their ids.
create or replace function howdah_private.data_keys_by_id(ids uuid[]) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(howdah_private.key_document(k))), '[]')
  from howdah_private.data_keys as k where k.id = any (data_keys_by_id.ids)
$$;

-- Returns those of `ids` whose contents may be decrypted for a run: the run itself, and runs whose
-- contents it has copied and that still have to be decrypted in the copy. With `with_turns` also
-- turns of its session, whose messages are part of its history. Runs below are left out, since who
-- sees a run may not see all of them.
create or replace function howdah_private.decryptable_runs(
  execution_id uuid, ids uuid[], with_turns boolean
)
  returns uuid[]
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(array_agg(i.id), '{}')
  from howdah.executions as e
  join howdah.executions as r on r.id = e.root_execution_id
  left join howdah_private.due_work as d on d.kind = 'encrypt_run' and d.id = e.id
  cross join unnest(decryptable_runs.ids) as i (id)
  where e.id = decryptable_runs.execution_id
    and (i.id = e.id or d.payload -> 'sources' ? i.id::text
      or (decryptable_runs.with_turns and exists (
      select from howdah.executions as x
      where x.id = i.id and x.tenant_id = e.tenant_id and x.session_id = r.session_id
        and x.parent_execution_id is null)))
$$;

-- Returns the contents of messages of runs, in a page after a place, as run_contents does.
create or replace function howdah_private.message_contents(
  ids uuid[], after_run uuid, after_seq int, max_rows int
) returns table (
    execution_id uuid, seq int, id text, texts jsonb, documents jsonb, arguments jsonb,
    visible jsonb
  )
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select m.execution_id, m.seq, null::text, jsonb_build_object('content', m.content),
    jsonb_build_object('parts', m.parts::text), howdah_private.call_arguments(m.tool_calls),
    null::jsonb
  from (
    select n.*, sum(coalesce(pg_column_size(n.content), 0) + coalesce(pg_column_size(n.parts), 0)
      + coalesce(pg_column_size(n.tool_calls), 0)) over w as bytes
    from howdah.messages as n
    where n.execution_id = any (message_contents.ids)
      and (n.execution_id, n.seq) > (message_contents.after_run, message_contents.after_seq)
    window w as (order by n.execution_id, n.seq
      rows between unbounded preceding and 1 preceding)
    order by n.execution_id, n.seq limit message_contents.max_rows
  ) as m
  where m.bytes is null or m.bytes < 4194304
  order by m.execution_id, m.seq
$$;

-- Returns the contents of steps of runs, in a page after a place, as run_contents does.
create or replace function howdah_private.step_contents(
  ids uuid[], after_run uuid, after_seq int, max_rows int
) returns table (
    execution_id uuid, seq int, id text, texts jsonb, documents jsonb, arguments jsonb,
    visible jsonb
  )
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select s.execution_id, s.seq, null::text, null::jsonb,
    jsonb_build_object('input', s.input::text, 'output', s.output::text, 'error', s.error::text,
      'annotations', s.annotations::text),
    null::jsonb,
    jsonb_build_object('input', howdah_private.visible_input(s.kind, s.input),
      'output', howdah_private.visible_output(s.kind, s.output)
        || howdah_private.visible_decision(s.name, s.call_id, s.output),
      'error', howdah_private.erase_error(s.error, '[encrypted]'),
      'annotations', howdah_private.visible_annotations(s.annotations))
  from (
    select n.*, sum(coalesce(pg_column_size(n.input), 0) + coalesce(pg_column_size(n.output), 0)
      + coalesce(pg_column_size(n.annotations), 0)) over w as bytes
    from howdah.steps as n
    where n.execution_id = any (step_contents.ids)
      and (n.execution_id, n.seq) > (step_contents.after_run, step_contents.after_seq)
    window w as (order by n.execution_id, n.seq
      rows between unbounded preceding and 1 preceding)
    order by n.execution_id, n.seq limit step_contents.max_rows
  ) as s
  where s.bytes is null or s.bytes < 4194304
  order by s.execution_id, s.seq
$$;

-- Returns the contents of runs in tables that have few rows for each run, as run_contents does.
create or replace function howdah_private.side_contents(ids uuid[], relation text)
  returns table (
    execution_id uuid, seq int, id text, texts jsonb, documents jsonb, arguments jsonb,
    visible jsonb
  )
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select e.id::uuid, null::int, null::text,
    jsonb_build_object('input', e.input, 'output', e.output)
      || howdah_private.history_contents(e.history, false),
    jsonb_build_object('input_data', e.input_data::text, 'input_parts', e.input_parts::text,
      'output_data', e.output_data::text, 'error', e.error::text)
      || howdah_private.history_contents(e.history, true),
    null::jsonb,
    jsonb_build_object('error', howdah_private.erase_error(e.error, '[encrypted]'))
  from howdah.executions as e
  where side_contents.relation = 'executions' and e.id = any (side_contents.ids)
  union all
  select q.execution_id, null, q.id::text,
    jsonb_build_object('prompt', q.prompt, 'default_answer', q.default_answer,
      'answer', case when q.kind = 'question' then q.answer end),
    jsonb_build_object('schema', q.schema::text, 'options', q.options::text,
      'answer_data', q.answer_data::text, 'preview', q.preview::text,
      'tool_call', q.tool_call::text),
    null,
    jsonb_build_object('tool_call',
      howdah_private.pick_fields(q.tool_call, array['id', 'name']))
  from howdah.questions as q
  where side_contents.relation = 'questions' and q.execution_id = any (side_contents.ids)
  union all
  select f.execution_id, null, f.id::text, jsonb_build_object('comment', f.comment), null, null,
    null
  from howdah.feedback_entries as f
  where side_contents.relation = 'feedback_entries' and f.execution_id = any (side_contents.ids)
    and f.comment is not null
  union all
  select d.execution_id, null, d.id::text, null,
    jsonb_build_object('payload', d.payload::text), null, null
  from howdah.webhook_deliveries as d
  where side_contents.relation = 'webhook_deliveries' and d.execution_id = any (side_contents.ids)
  union all
  select i.execution_id, null, i.id::text, jsonb_build_object('content', i.content),
    jsonb_build_object('output', i.output::text, 'parts', i.parts::text), null,
    jsonb_build_object('output', howdah_private.visible_output(i.kind, i.output))
  from howdah_private.inbox as i
  where side_contents.relation = 'inbox' and i.execution_id = any (side_contents.ids)
$$;

-- Returns the contents of runs, one row for each row that has some. `texts` has texts by column,
-- `documents` JSON texts by column, and `arguments` those of the tool calls of a message. Of a
-- document, `visible` has the fields that stay readable in SQL: counts of tokens, names of who
-- answered, ids of runs and questions, and the codes of errors. Steps and messages come in pages
-- of at most `max_rows` rows and about 4 MB, after a place.
create or replace function howdah_private.run_contents(
  ids uuid[], relation text, after_run uuid, after_seq int, max_rows int
) returns table (
    execution_id uuid, seq int, id text, texts jsonb, documents jsonb, arguments jsonb,
    visible jsonb
  )
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  case run_contents.relation
  when 'messages' then
    return query select c.* from howdah_private.message_contents(run_contents.ids,
      run_contents.after_run, run_contents.after_seq, run_contents.max_rows) as c;
  when 'steps' then
    return query select c.* from howdah_private.step_contents(run_contents.ids,
      run_contents.after_run, run_contents.after_seq, run_contents.max_rows) as c;
  else
    return query
      select c.* from howdah_private.side_contents(run_contents.ids, run_contents.relation) as c;
  end case;
end $$;

-- Returns the arguments of tool calls, which are JSON texts.
create or replace function howdah_private.call_arguments(calls jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select to_jsonb(array_agg(c.call ->> 'arguments' order by c.place))
  from jsonb_array_elements(case when jsonb_typeof(call_arguments.calls) = 'array'
    then call_arguments.calls end) with ordinality as c (call, place)
$$;

-- Returns tool calls with other arguments.
create or replace function howdah_private.with_arguments(calls jsonb, arguments jsonb)
  returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case when with_arguments.arguments is null then with_arguments.calls else (
    select to_jsonb(array_agg(case when c.call ? 'arguments' then c.call || jsonb_build_object(
      'arguments', with_arguments.arguments -> (c.place - 1)::int) else c.call end
    order by c.place))
    from jsonb_array_elements(with_arguments.calls) with ordinality as c (call, place)
  ) end
$$;

-- Returns the fields of a step's input that stay readable in SQL.
create or replace function howdah_private.visible_input(kind howdah.step_kind, input jsonb)
  returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.pick_fields(visible_input.input, case
    when visible_input.kind in ('question', 'answer') then array['question_id', 'by']
    when visible_input.kind in ('retry', 'fork')
      then array['by', 'attempt', 'execution_id', 'seq', 'stop_reason']
    when visible_input.kind = 'model' then array['estimated_tokens']
    else '{}' end)
$$;

-- Returns the fields of a step's output that stay readable in SQL.
create or replace function howdah_private.visible_output(kind howdah.step_kind, output jsonb)
  returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.pick_fields(visible_output.output, case
    when visible_output.kind = 'model' then array['usage', 'cached_from']
    when visible_output.kind in ('question', 'answer') then array['question_id', 'by', 'kind']
    when visible_output.kind = 'retry' then array['delay_ms', 'not_before', 'usage']
    when visible_output.kind in ('child', 'child_started') then array['execution_id', 'trust']
    when visible_output.kind = 'handoff' then array['from', 'to']
    else '{}' end)
$$;

-- Returns the fields that stay readable of what a workflow decided: the names of the members that
-- a router chose, and of those that a plan has tasks for.
create or replace function howdah_private.visible_decision(name text, call_id text, output jsonb)
  returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when visible_decision.name = 'route' and visible_decision.call_id = 'route' then
      howdah_private.pick_fields(visible_decision.output, array['method', 'candidates'])
        || jsonb_build_object('reason', '[encrypted]', 'chosen', (
          select coalesce(to_jsonb(array_agg(m.member - 'reason' order by m.place)), '[]')
          from jsonb_array_elements(case jsonb_typeof(visible_decision.output -> 'chosen')
            when 'array' then visible_decision.output -> 'chosen' end)
            with ordinality as m (member, place)))
    when visible_decision.name = 'plan' and visible_decision.call_id like 'plan.%' then
      howdah_private.pick_fields(visible_decision.output, array['plan'])
        || jsonb_build_object('steps', (
          select coalesce(to_jsonb(array_agg((
            select coalesce(to_jsonb(array_agg(jsonb_build_object('member', t.task -> 'member',
              'task', '[encrypted]') order by t.place)), '[]')
            from jsonb_array_elements(p.tasks) with ordinality as t (task, place)
          ) order by p.place)), '[]')
          from jsonb_array_elements(case jsonb_typeof(visible_decision.output -> 'steps')
            when 'array' then visible_decision.output -> 'steps' end)
            with ordinality as p (tasks, place)))
    else '{}' end
$$;

-- Returns these fields of an object; nothing of other values.
create or replace function howdah_private.pick_fields(document jsonb, names text[]) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(json_object_agg(f.key, f.value)::jsonb, '{}')
  from jsonb_each(case when jsonb_typeof(pick_fields.document) = 'object'
    then pick_fields.document end) as f
  where f.key = any (pick_fields.names)
$$;

-- Writes contents of runs in tables that have few rows for each run, as write_log_contents does.
create or replace function howdah_private.write_side_contents(relation text, contents jsonb)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_hashjoin = off
  set enable_mergejoin = off set jit = off
as $$
begin
  case write_side_contents.relation
  when 'questions' then
    update howdah.questions as q
    set prompt = coalesce(c.texts ->> 'prompt', q.prompt),
      default_answer = coalesce(c.texts ->> 'default_answer', q.default_answer),
      answer = coalesce(c.texts ->> 'answer', q.answer),
      schema = coalesce((c.documents ->> 'schema')::jsonb, q.schema),
      options = coalesce((c.documents ->> 'options')::jsonb, q.options),
      answer_data = coalesce((c.documents ->> 'answer_data')::jsonb, q.answer_data),
      preview = coalesce((c.documents ->> 'preview')::jsonb, q.preview),
      tool_call = coalesce((c.documents ->> 'tool_call')::jsonb, q.tool_call)
    from jsonb_to_recordset(write_side_contents.contents)
      as c (id uuid, execution_id uuid, texts jsonb, documents jsonb)
    where q.id = c.id and q.execution_id = c.execution_id;
  when 'feedback_entries' then
    update howdah.feedback_entries as f set comment = coalesce(c.texts ->> 'comment', f.comment)
    from jsonb_to_recordset(write_side_contents.contents) as c (
      id uuid, execution_id uuid, texts jsonb)
    where f.id = c.id and f.execution_id = c.execution_id
      and f.comment <> '[erased]'; -- erased meanwhile, without a lock of the run
  when 'webhook_deliveries' then
    update howdah.webhook_deliveries as d
    set payload = coalesce((c.documents ->> 'payload')::jsonb, d.payload)
    from jsonb_to_recordset(write_side_contents.contents) as c (
      id uuid, execution_id uuid, documents jsonb)
    where d.id = c.id and d.execution_id = c.execution_id;
  when 'inbox' then
    update howdah_private.inbox as i
    set content = coalesce(c.texts ->> 'content', i.content),
      output = coalesce((c.documents ->> 'output')::jsonb, i.output),
      parts = coalesce((c.documents ->> 'parts')::jsonb, i.parts)
    from jsonb_to_recordset(write_side_contents.contents)
      as c (id bigint, execution_id uuid, texts jsonb, documents jsonb)
    where i.id = c.id and i.execution_id = c.execution_id;
  end case;
end $$;

-- Writes contents of runs and their log, encrypted or decrypted. A column that a row leaves out
-- stays. Belongs to howdah_eraser, as erase_log does: only write_run_contents may call it.
create or replace function howdah_private.write_log_contents(relation text, contents jsonb)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_hashjoin = off
  set enable_mergejoin = off set jit = off
as $$
begin
  case write_log_contents.relation
  when 'messages' then
    update howdah_private.message_log as m
    set content = coalesce(c.texts ->> 'content', m.content),
      -- the output of the step is encrypted for its own place
      content_is_output = case when c.texts ->> 'content' is null then m.content_is_output end,
      parts = coalesce((c.documents ->> 'parts')::jsonb, m.parts),
      tool_calls = howdah_private.with_arguments(m.tool_calls, c.arguments)
    from jsonb_to_recordset(write_log_contents.contents)
      as c (execution_id uuid, seq int, texts jsonb, documents jsonb, arguments jsonb)
    where m.execution_id = c.execution_id and m.seq = c.seq;
  when 'steps' then
    update howdah.steps as s
    set input = coalesce((c.documents ->> 'input')::jsonb, s.input),
      output = coalesce((c.documents ->> 'output')::jsonb, s.output),
      error = coalesce((c.documents ->> 'error')::jsonb, s.error),
      annotations = coalesce((c.documents ->> 'annotations')::jsonb, s.annotations)
    from jsonb_to_recordset(write_log_contents.contents)
      as c (execution_id uuid, seq int, documents jsonb)
    where s.execution_id = c.execution_id and s.seq = c.seq;
  when 'executions' then
    update howdah.executions as e
    set input = coalesce(c.texts ->> 'input', e.input),
      output = coalesce(c.texts ->> 'output', e.output),
      input_data = coalesce((c.documents ->> 'input_data')::jsonb, e.input_data),
      input_parts = coalesce((c.documents ->> 'input_parts')::jsonb, e.input_parts),
      history = howdah_private.with_history_contents(e.history, c.texts, c.documents),
      output_data = coalesce((c.documents ->> 'output_data')::jsonb, e.output_data),
      error = coalesce((c.documents ->> 'error')::jsonb, e.error),
      contents_encrypted_at = case when c.key_id is not null then clock_timestamp() end,
      contents_key_id = c.key_id
    from jsonb_to_recordset(write_log_contents.contents)
      as c (execution_id uuid, texts jsonb, documents jsonb, key_id uuid)
    where e.id = c.execution_id;
    perform howdah_private.write_first_messages(array(
      select (c.row ->> 'execution_id')::uuid
      from jsonb_array_elements(write_log_contents.contents) as c (row)
      where c.row ->> 'key_id' is null));
  end case;
end $$;

-- Writes contents of runs, encrypted or decrypted: rows of run_contents with other values. Only for
-- runs of trees in the queue, which take_encryptions has locked, so that a worker cannot rewrite
-- other logs.
create or replace function howdah_private.write_run_contents(relation text, contents jsonb)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
declare
  v_other uuid;
begin
  select e.id into v_other
  from (
    select distinct (c.row ->> 'execution_id')::uuid as id
    from jsonb_array_elements(write_run_contents.contents) as c (row)
  ) as r join howdah.executions as e on e.id = r.id
  where not exists (
    select from howdah_private.due_work as d
    where d.kind = 'encrypt_run' and d.id = e.root_execution_id)
  limit 1;
  if found then
    raise exception using errcode = 'HWDEN',
      message = format('the contents of execution %s are not due for encryption', v_other),
      detail = jsonb_build_object('execution_id', v_other)::text,
      hint = 'Only workers write contents, of runs in howdah_private.due_work.';
  elsif write_run_contents.relation in ('executions', 'messages', 'steps') then
    perform howdah_private.write_log_contents(
      write_run_contents.relation, write_run_contents.contents);
  else
    perform howdah_private.write_side_contents(
      write_run_contents.relation, write_run_contents.contents);
  end if;
end $$;

-- Returns which encrypted texts are stored in the places that they were encrypted for, as numbers
-- from 1 on. A text is given by its run, its place (table~row~column) and its nonce. Callers other
-- than owners and workers get texts of their tenant only.
create or replace function howdah_private.sealed_in_place(
  runs uuid[], places text[], nonces text[]
) returns int[]
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with sealed as (
    select s.run, s.nonce, s.number, split_part(s.place, '~', 1) as relation,
      split_part(s.place, '~', 2) as row_id,
      split_part(split_part(s.place, '~', 3), ':', 1) as column_name
    from unnest(sealed_in_place.runs, sealed_in_place.places, sealed_in_place.nonces)
      with ordinality as s (run, place, nonce, number)
    join howdah.executions as e on e.id = s.run
    where howdah_private.is_trusted() or e.tenant_id = howdah.current_tenant()
  )
  select coalesce(array_agg(s.number::int order by s.number), '{}') from sealed as s
  where strpos(case s.relation
    when 'messages' then (
      select case s.column_name when 'content' then m.content when 'parts' then m.parts::text
        when 'tool_calls' then m.tool_calls::text end
      from howdah.messages as m where m.execution_id = s.run and m.seq = s.row_id::int)
    when 'steps' then (
      select case s.column_name when 'input' then t.input when 'output' then t.output
        when 'error' then t.error when 'annotations' then t.annotations end::text
      from howdah.steps as t where t.execution_id = s.run and t.seq = s.row_id::int)
    when 'executions' then (
      select case s.column_name when 'input' then e.input when 'output' then e.output
        when 'input_data' then e.input_data::text when 'input_parts' then e.input_parts::text
        when 'output_data' then e.output_data::text
        when 'error' then concat_ws(' ', e.error, ( -- a retry copies the error of the run
          select string_agg(t.error::text, ' ') from howdah.steps as t
          where t.execution_id = s.run and t.kind = 'retry'))
        when 'history' then e.history::text end
      from howdah.executions as e where e.id = s.run)
    when 'questions' then (
      select case s.column_name when 'prompt' then q.prompt when 'answer' then q.answer
        when 'default_answer' then q.default_answer when 'schema' then q.schema::text
        when 'options' then q.options::text when 'answer_data' then q.answer_data::text
        when 'preview' then q.preview::text when 'tool_call' then q.tool_call::text end
      from howdah.questions as q where q.execution_id = s.run and q.id::text = s.row_id)
    when 'feedback_entries' then (
      select f.comment from howdah.feedback_entries as f
      where f.execution_id = s.run and f.id::text = s.row_id and s.column_name = 'comment')
    when 'webhook_deliveries' then (
      select d.payload::text from howdah.webhook_deliveries as d
      where d.execution_id = s.run and d.id::text = s.row_id and s.column_name = 'payload')
    when 'inbox' then (
      select case s.column_name when 'content' then i.content when 'output' then i.output::text
        when 'parts' then i.parts::text end
      from howdah_private.inbox as i where i.execution_id = s.run and i.id::text = s.row_id)
    end, '.' || s.nonce || '.') > 0
$$;
