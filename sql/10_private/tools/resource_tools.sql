-- Implements the tools `read_resource` and `write_resource`: text files of a run. The worker calls
-- each function in the transaction that commits the tool's step.

-- Returns the files that a run may read, those of its session and of its tree, without their
-- contents.
create or replace function howdah_private.files_of_run(run howdah.executions)
  returns table (id uuid, name text, type text, size bigint)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select r.id, r.name, r.type, r.size from howdah.resources as r
  where r.tenant_id = run.tenant_id and r.execution_id in (run.id, run.root_execution_id)
  union
  select r.id, r.name, r.type, r.size
  from howdah.executions as e
  join howdah.resources as r on r.tenant_id = e.tenant_id and r.session_id = e.session_id
  where e.id = run.root_execution_id
$$;

-- Returns a part of a text file that fits into one result. `next_offset` is where the next part
-- begins. Of several files with one name the newest is read.
create or replace function howdah_private.call_read_resource(execution_id uuid, arguments jsonb)
  returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions := howdah_private.calling_run(call_read_resource.execution_id);
  v_offset int := coalesce((arguments ->> 'offset')::int, 0);
  v_file record := howdah_private.file_named(v_run, arguments ->> 'id', arguments ->> 'name');
  v_text text := howdah.resource_text(v_file.id);
  v_length int := length(v_text);
  v_part text := substr(v_text, v_offset + 1, 40000);
begin
  if v_offset > v_length then
    raise exception using errcode = 'HWINV',
      message = format('offset is %s, but the text has %s characters', v_offset, v_length),
      detail = '{"field": "offset"}',
      hint = 'Leave offset out to read from the beginning.';
  end if;
  while octet_length(to_jsonb(v_part)::text) > 60000 loop
    v_part := left(v_part, length(v_part) / 2);
  end loop;
  return jsonb_build_object('id', v_file.id, 'name', v_file.name, 'type', v_file.type,
    'characters', v_length, 'text', v_part,
    'next_offset', case when v_offset + length(v_part) < v_length
      then v_offset + length(v_part) end);
end $$;

-- Finds a file of the run by its id or its name.
create or replace function howdah_private.file_named(run howdah.executions, id text, name text)
  returns record
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid := howdah_private.parse_id(file_named.id);
  v_reference text := coalesce(file_named.id, file_named.name);
  v_file record;
  v_names text[];
begin
  if num_nonnulls(file_named.id, file_named.name) <> 1 then
    raise exception using errcode = 'HWINV', message = 'give either the name or the id of the file',
      detail = '{"field": "name"}';
  end if;
  select f.* into v_file from howdah_private.files_of_run(run) as f
  where case when file_named.id is null then f.name = file_named.name else f.id = v_id end
  order by f.id desc limit 1;
  if not found then
    v_names := array(
      select f.name from howdah_private.files_of_run(run) as f group by f.name
      order by max(f.id::text) desc limit 50);
    raise exception using errcode = 'HWNTF',
      message = format('this conversation has no file %s%s', to_jsonb(left(v_reference, 300)),
        coalesce(': did you mean ' || howdah_private.nearest_word(file_named.name, v_names)
          || '?', '')),
      detail = jsonb_build_object('field',
        case when file_named.id is null then 'name' else 'id' end)::text,
      hint = 'Its files: ' || coalesce(nullif(array_to_string(v_names, ', '), ''), 'none') || '.';
  end if;
  return v_file;
end $$;

-- Writes a text file for the whole tree and its session. Earlier files of the same name stay, each
-- under its own id.
create or replace function howdah_private.call_write_resource(execution_id uuid, arguments jsonb)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions := howdah_private.calling_run(call_write_resource.execution_id);
  v_bytes bytea := convert_to(arguments ->> 'content', 'UTF8');
  v_file howdah.resources;
begin
  v_file.name := arguments ->> 'name';
  v_file.type := lower(coalesce(arguments ->> 'type', 'text/plain'));
  perform howdah_private.check_tool_file(v_run, v_file.type, octet_length(v_bytes));
  insert into howdah.resources as r (tenant_id, name, type, bytes, execution_id,
    session_id, metadata)
  select v_run.tenant_id, v_file.name, v_file.type, v_bytes, v_run.root_execution_id, e.session_id,
    jsonb_build_object('written_by_execution_id', v_run.id)
  from howdah.executions as e where e.id = v_run.root_execution_id
  returning r.* into v_file;
  return jsonb_build_object('id', v_file.id, 'name', v_file.name, 'type', v_file.type,
    'bytes', v_file.size);
end $$;

-- Refuses another file when the tree has written 200.
create or replace function howdah_private.check_file_count(run howdah.executions) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if (
    select count(*) >= 200 from howdah.resources as r
    where r.tenant_id = run.tenant_id and r.execution_id = run.root_execution_id
  ) then
    raise exception using errcode = 'HWQTA',
      message = 'maximum number of files of a task (200) reached',
      hint = 'Combine related contents in one file.';
  end if;
end $$;

-- Refuses a file that is not text or is too large.
create or replace function howdah_private.check_tool_file(
  run howdah.executions, type text, bytes int
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_fault text := case when not howdah_private.is_text_type(check_tool_file.type)
      then format('type %s is not a text type', to_jsonb(left(check_tool_file.type, 100)))
    when check_tool_file.bytes > 262144
      then format('content has %s bytes, at most 262144 are allowed', check_tool_file.bytes) end;
begin
  if v_fault is not null then
    raise exception using errcode = 'HWINV', message = v_fault,
      detail = jsonb_build_object('field', split_part(v_fault, ' ', 1))::text,
      hint = 'Text types are text/*, JSON, XML, YAML and similar. '
        'Divide a long text over several files.';
  end if;
  perform howdah_private.check_file_count(run);
end $$;
