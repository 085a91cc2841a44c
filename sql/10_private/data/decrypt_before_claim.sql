-- Runs that continue with encrypted contents: a retry of an encrypted run, a fork of one, and a new
-- run whose input or history was copied from one. SQL copies the ciphertexts as they are. A worker
-- decrypts the rows in place, and only then may a worker claim the run. Until then
-- contents_encrypted_at is set, and wake_at is far away, so that no worker asks for the run.
--
-- Nobody gets around an input filter by writing a ciphertext. A value counts as a copy only if it
-- equals a value that is stored in an encrypted run which the caller may see. Such a value was
-- filtered when it was stored, and the size limits apply to its plain text.

-- Returns the time until which a run waits for its decryption. It ends the wait itself
-- (finish_decryption), so this is only the time after which its absence is reported.
create or replace function howdah_private.decryption_deadline() returns timestamptz
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select now() + interval '1 day'
$$;

-- Lets a worker decrypt the tree of a retried run before it is claimed. If only runs below it are
-- encrypted, its tree is in the queue already.
create or replace function howdah_private.enqueue_decryption(root_execution_id uuid) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update howdah.executions as e set wake_at = howdah_private.decryption_deadline()
  where e.id = enqueue_decryption.root_execution_id and e.contents_encrypted_at is not null;
  if not found then
    return;
  end if;
  insert into howdah_private.due_work (kind, id, tenant_id, priority)
  select 'encrypt_run', e.id, e.tenant_id, 0 from howdah.executions as e
  where e.id = enqueue_decryption.root_execution_id
  on conflict (kind, id) do update set due_at = now(), priority = 0;
end $$;

-- Lets a worker decrypt a new run with copies of encrypted contents. Locks the data keys, so that
-- they are not removed before the run is committed; later this queue keeps them
-- (drop_unused_data_keys).
create or replace function howdah_private.enqueue_copies(
  execution_id uuid, tenant_id uuid, sources uuid[], keys uuid[]
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- all: copies of copies may have a key that the row of their run does not name
  perform from howdah_private.data_keys as k
  where k.tenant_id = enqueue_copies.tenant_id and k.has_contents order by k.id for key share;
  insert into howdah_private.due_work as d (kind, id, tenant_id, priority, payload)
  values ('encrypt_run', enqueue_copies.execution_id, enqueue_copies.tenant_id, 0,
    jsonb_strip_nulls(jsonb_build_object('sources', enqueue_copies.sources)))
  on conflict on constraint due_work_pkey
  do update set payload = d.payload || excluded.payload, priority = 0;
end $$;

-- Queues a new run with copies under the id that it takes from the run that it replaces (debounce).
create or replace function howdah_private.move_copies(id uuid, new_id uuid) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah_private.due_work as d set id = move_copies.new_id
  where d.kind = 'encrypt_run' and d.id = move_copies.id
$$;

-- Lets a worker encrypt a tree again to which contents were added after its encryption.
create or replace function howdah_private.enqueue_added_contents(execution_id uuid) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah_private.due_work as d (kind, id, tenant_id, payload)
  select 'encrypt_run', e.root_execution_id, e.tenant_id,
    jsonb_build_object('changed_at', clock_timestamp())
  from howdah.executions as e
  where e.id = enqueue_added_contents.execution_id and e.contents_encrypted_at is not null
  on conflict (kind, id) do update set payload = d.payload || excluded.payload
$$;

-- Ends the wait of runs that were decrypted. Of copied histories, leaves out what a history does
-- not have and what could not be seen in the ciphertext.
create or replace function howdah_private.finish_decryption(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_due uuid[];
begin
  update howdah.executions as e
  set wake_at = null,
    history = case when e.history is not null
      then howdah_private.decrypted_history(e.tenant_id, e.history) end
  where e.id = any (finish_decryption.ids) and e.completed_at is null;
  v_due := array(
    select e.id::uuid from howdah.executions as e
    where e.id = any (finish_decryption.ids) and e.completed_at is null
      and howdah_private.is_in_queue(e.status, e.waiting_for)
    order by e.id
  );
  perform howdah_private.enqueue_advance(v_due);
end $$;

-- Returns a decrypted history in the form of a history: messages without reasoning and files, and
-- summaries with their opening. A history that has this form stays as it is.
create or replace function howdah_private.decrypted_history(tenant_id uuid, history jsonb)
  returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select to_jsonb(array_agg(case when m.message ? 'covers_to_seq'
    then howdah_private.summary_message(m.message)
    else howdah_private.history_message(decrypted_history.tenant_id, m.message) end
    order by m.place))
  from jsonb_array_elements(decrypted_history.history) with ordinality as m (message, place)
$$;

-- Returns the encrypted values in a document, with their data keys and runs. Splits the document:
-- one expression that finds and takes apart all values takes many times as long.
create or replace function howdah_private.encrypted_values(document text)
  returns table (value text, key_id uuid, execution_id uuid)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select distinct v.value, split_part(v.value, '.', 4)::uuid, split_part(v.value, '.', 5)::uuid
  from string_to_table(encrypted_values.document, '"') as v (value)
  where starts_with(v.value, 'howdah.sealed.v') and v.value ~ (
    '^howdah\.sealed\.v[12]\.'
    || '([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\.){2}')
    and howdah_private.is_encrypted(v.value)
$$;

-- Returns whether a JSON value is encrypted: an array as [{"sealed_list": …}], others as
-- {"sealed": …}.
create or replace function howdah_private.is_encrypted_json(value jsonb) returns boolean
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(howdah_private.is_encrypted(case jsonb_typeof(is_encrypted_json.value)
    when 'array' then is_encrypted_json.value #>> '{0,sealed_list}'
    when 'object' then is_encrypted_json.value ->> 'sealed'
    when 'string' then is_encrypted_json.value #>> '{}' end), false)
$$;

-- Returns whether a value of a new run is a copy of an encrypted one.
create or replace function howdah_private.is_encrypted_copy(
  contents_encrypted_at timestamptz,
  value jsonb
)
  returns boolean
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return contents_encrypted_at is not null
    and howdah_private.is_encrypted_json(is_encrypted_copy.value);
end $$;

-- Marks a new run whose input or history has copies of encrypted contents, and enqueues it. Returns
-- contents_key_id, contents_encrypted_at and wake_at. An ended, child or compensating run keeps its
-- own values.
create or replace function howdah_private.mark_copied_input(
  e howdah.executions, out contents_key_id uuid, out contents_encrypted_at timestamptz,
  out wake_at timestamptz
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  contents_key_id := e.contents_key_id;
  contents_encrypted_at := e.contents_encrypted_at;
  wake_at := e.wake_at;
  if num_nonnulls(e.completed_at, e.parent_execution_id, e.compensates_execution_id,
    e.contents_encrypted_at) = 0 then
    contents_key_id := howdah_private.enqueue_copied_input(e.id, e.tenant_id, e.input,
      e.input_data, e.input_parts, e.history);
    if contents_key_id is not null then
      contents_encrypted_at := clock_timestamp();
      wake_at := howdah_private.decryption_deadline();
    end if;
  end if;
end $$;

-- Enqueues a new run whose input or history has copies of encrypted contents, and returns its data
-- key, or null if it has none: then a value of this form is a text that a person typed. Refuses
-- such a text beside copies, since it might be decrypted with them.
create or replace function howdah_private.enqueue_copied_input(
  id uuid, tenant_id uuid, input text, input_data jsonb, input_parts jsonb, history jsonb
) returns uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_written text := jsonb_build_array(enqueue_copied_input.input, enqueue_copied_input.input_data,
    enqueue_copied_input.input_parts, enqueue_copied_input.history)::text;
  v_found record;
begin
  if strpos(v_written, '"howdah.sealed.v') = 0 then
    return null;
  end if;
  with written as (
    select w.* from howdah_private.encrypted_values(v_written) as w
  ),
  stored as (
    select s.value from howdah_private.stored_values(
      enqueue_copied_input.tenant_id, array(select distinct w.execution_id from written as w)
    ) as s (value)
  )
  select array_agg(distinct w.execution_id) filter (where s.value is not null) as sources,
    array_agg(distinct w.key_id) filter (where s.value is not null) as keys,
    min(w.execution_id::text) filter (where s.value is null) as other
  into v_found
  from written as w left join stored as s on s.value = w.value;
  if v_found.other is not null and v_found.sources is not null then
    raise exception using errcode = 'HWCNF',
      message = format(
        'an encrypted text of the input is not (or no longer) stored in execution %s',
        v_found.other),
      detail = jsonb_build_object('execution_id', v_found.other)::text,
      hint = 'Read the earlier conversation again, and send its texts.';
  elsif v_found.sources is null then
    return null;
  end if;
  perform howdah_private.enqueue_copies(enqueue_copied_input.id, enqueue_copied_input.tenant_id,
    v_found.sources, v_found.keys);
  return v_found.keys[1];
end $$;

-- Returns the encrypted values in the input, history and messages of those of the runs that the
-- caller may see.
create or replace function howdah_private.stored_values(tenant_id uuid, ids uuid[])
  returns setof text
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with sources as materialized (
    select e.id, e.input, e.input_data, e.input_parts, e.history from howdah.executions as e
    where e.id = any (stored_values.ids) and e.tenant_id = stored_values.tenant_id
      and e.contents_encrypted_at is not null
      and howdah_private.sees_agent(coalesce(e.agent_id, e.workflow_id))
  )
  select v.value from sources as s cross join lateral howdah_private.encrypted_values(
    jsonb_build_array(s.input, s.input_data, s.input_parts, s.history)::text) as v
  union
  select v.value from sources as s join howdah.messages as m on m.execution_id = s.id
  cross join lateral howdah_private.encrypted_values(
    jsonb_build_array(m.content, m.parts, m.tool_calls)::text) as v
$$;

-- Returns a history for checks of its form: copies of encrypted values are empty, and summaries
-- have no range.
create or replace function howdah_private.without_copies(history jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(m.message - 'covers_to_seq'
    || case when howdah_private.is_encrypted_json(m.message -> 'content')
      then '{"content": ""}' else '{}' end::jsonb
    || case when howdah_private.is_encrypted_json(m.message -> 'parts')
      then '{"parts": []}' else '{}' end::jsonb
    order by m.place)), '[]')
  from jsonb_array_elements(case jsonb_typeof(without_copies.history)
    when 'array' then without_copies.history end) with ordinality as m (message, place)
$$;

-- Applies filters to those texts of a history that are no copies of encrypted values.
create or replace function howdah_private.filter_copied_history(
  filters howdah.output_filters[], inout history jsonb, inout hits jsonb
)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_texts constant jsonb := (
    select json_object_agg(c.key, c.value)::jsonb
    from jsonb_each(howdah_private.history_contents(history, false)) as c
    where howdah_private.is_encrypted_json(c.value));
  v_parts constant jsonb := (
    select json_object_agg(c.key, c.value)::jsonb
    from jsonb_each_text(howdah_private.history_contents(history, true)) as c
    where howdah_private.is_encrypted_json(c.value::jsonb));
  v_result record;
begin
  v_result := howdah_private.filter_history(filters, howdah_private.with_history_contents(history,
    (select json_object_agg(k.name, '')::jsonb from jsonb_object_keys(v_texts) as k (name)),
    (select json_object_agg(
      k.name, '[]')::jsonb from jsonb_object_keys(v_parts) as k (name))), hits);
  history := howdah_private.with_history_contents(v_result.history, v_texts, v_parts);
  hits := v_result.hits;
end $$;
