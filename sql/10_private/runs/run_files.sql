-- Files that tools outside of the database give to a run and read from it.
--
-- A file is stored as a row of its own before the step of its call is committed. So a call that is
-- repeated finds the files it left: the same content under the same name is stored once.

-- Stores one file and returns its id. The file belongs to the whole tree of runs and their session.
-- The run is recorded as its writer, so the file has the trust of that run. The call may have read
-- less trusted content, which lowers the trust of the run only when its step is committed. In that
-- case `origin` has {"trust": "external"}.
create or replace function howdah_private.store_file(
  run howdah.executions, name text, type text, bytes bytea, origin jsonb
) returns uuid
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid;
begin
  -- The newest file of a name is the one that is read by name. So content that equals an older file
  -- is stored again, except when the same call repeats.
  select f.id into v_id from (
    select r.id, r.sha256, r.metadata,
      r.id = first_value(r.id) over (order by r.id desc) as is_newest
    from howdah.resources as r
    where r.tenant_id = run.tenant_id and r.execution_id = run.root_execution_id
      and r.name = store_file.name
      and r.type = lower(store_file.type)
  ) as f
  where f.sha256 = encode(sha256(store_file.bytes), 'hex')
    and f.metadata ->> 'written_by_execution_id' = run.id::text
    and (f.is_newest or f.metadata ->> 'call' = store_file.origin ->> 'call')
  order by f.id desc limit 1;
  if found then
    return v_id;
  end if;
  perform howdah_private.check_file_count(run);
  insert into howdah.resources as r (
    tenant_id, name, type, bytes, execution_id, session_id, metadata
  )
  select run.tenant_id, store_file.name, store_file.type, store_file.bytes, run.root_execution_id,
    e.session_id,
    store_file.origin || jsonb_build_object('written_by_execution_id', run.id)
  from howdah.executions as e where e.id = run.root_execution_id
  returning r.id into v_id;
  return v_id;
end $$;

-- Serializes the calls of one tree that store files, until the end of the transaction. Concurrent
-- calls would not see the files of each other.
create or replace function howdah_private.lock_files(run howdah.executions) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select pg_advisory_xact_lock(hashtextextended('howdah.files ' || run.root_execution_id, 0))
$$;

-- Stores all files of one call, or none of them. Returns what the model is shown, in their order.
create or replace function howdah_private.store_files(
  execution_id uuid, names text[], types text[], contents bytea[], origin jsonb
) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions := howdah_private.calling_run(store_files.execution_id);
  v_files jsonb := '[]';
begin
  perform howdah_private.lock_files(v_run);
  for i in 1 .. cardinality(names) loop
    v_files := v_files || jsonb_build_object(
      'id', howdah_private.store_file(v_run, names[i], types[i], contents[i], origin),
      'name', names[i], 'type', types[i], 'bytes', octet_length(contents[i]));
  end loop;
  return v_files;
end $$;

-- Returns the files that a call names, each by its name or id, with their trust but without their
-- content.
create or replace function howdah_private.call_files(execution_id uuid, words text[]) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions := howdah_private.calling_run(call_files.execution_id);
  v_word text;
  v_file record;
  v_files jsonb := '[]';
begin
  foreach v_word in array words loop
    v_file := howdah_private.file_named(v_run,
      case when howdah_private.parse_id(v_word) is not null then v_word end,
      case when howdah_private.parse_id(v_word) is null then v_word end);
    v_files := v_files || jsonb_build_object('id', v_file.id, 'name', v_file.name,
      'bytes', v_file.size,
      'trust', howdah_private.resource_trust(v_run.tenant_id, v_file.id));
  end loop;
  return v_files;
end $$;
