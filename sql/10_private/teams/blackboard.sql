-- Implements the tools `board_read` and `board_write`: a blackboard of keys and values that all
-- runs of one tree share. Each write names the version it replaces, so concurrent writers do not
-- overwrite each other.

-- Reads one key, or lists all keys. The worker calls this function in the transaction that commits
-- the tool's step.
create or replace function howdah_private.call_board_read(execution_id uuid, arguments jsonb)
  returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions := howdah_private.calling_run(call_board_read.execution_id);
begin
  if arguments ->> 'key' is not null then
    return howdah_private.board_entry(v_run.root_execution_id, arguments ->> 'key');
  end if;
  return jsonb_build_object('entries', coalesce((
    select to_jsonb(array_agg(
      jsonb_build_object('key', b.key, 'version', b.version) order by b.key))
    from howdah.board_entries as b where b.root_execution_id = v_run.root_execution_id
  ), '[]'));
end $$;

-- Returns the entry of a key. An entry with version 0 does not exist.
create or replace function howdah_private.board_entry(root_id uuid, key text) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce((
    select jsonb_build_object('key', b.key, 'value', b.value, 'version', b.version,
      'written_by', a.name)
    from howdah.board_entries as b
    join howdah.executions as e on e.id = b.written_by_execution_id
    left join howdah.agents as a on a.id = e.agent_id
    where b.root_execution_id = board_entry.root_id and b.key = board_entry.key
  ), jsonb_build_object('key', board_entry.key, 'value', null, 'version', 0))
$$;

-- Writes a value if the key still has the expected version; without `expected_version` the key must
-- be new. Of two concurrent writers the second waits for the first and then gets the conflict, so
-- no write is lost.
create or replace function howdah_private.call_board_write(execution_id uuid, arguments jsonb)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions := howdah_private.calling_run(call_board_write.execution_id);
  v_key text := arguments ->> 'key';
  v_expected int := coalesce((arguments ->> 'expected_version')::int, 0);
  v_version int;
begin
  perform howdah_private.check_board_entry(v_run.root_execution_id, v_key, arguments -> 'value');
  if v_expected = 0 then
    insert into howdah.board_entries as b (tenant_id, root_execution_id, key, value,
      written_by_execution_id)
    values (v_run.tenant_id, v_run.root_execution_id, v_key, arguments -> 'value', v_run.id)
    on conflict (root_execution_id, key) do nothing
    returning b.version into v_version;
  else
    update howdah.board_entries as b
    set value = arguments -> 'value', version = b.version + 1, written_by_execution_id = v_run.id
    where b.root_execution_id = v_run.root_execution_id and b.key = v_key and b.version = v_expected
    returning b.version into v_version;
  end if;
  if v_version is not null then
    return jsonb_build_object('written', true, 'key', v_key, 'version', v_version);
  end if;
  return (select jsonb_build_object('written', false, 'conflict', format(
      'nothing was written: the key has version %s, not %s; '
        'if your value is still right, write again with expected_version %1$s',
      e.entry ->> 'version', v_expected)) || e.entry
    from (select howdah_private.board_entry_now(v_run.root_execution_id, v_key) as entry) as e);
end $$;

-- Returns the current entry. A volatile function takes a snapshot of its own, so the entry includes
-- the write that the calling statement waited for.
create or replace function howdah_private.board_entry_now(root_id uuid, key text) returns jsonb
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  return howdah_private.board_entry(board_entry_now.root_id, board_entry_now.key);
end $$;

-- Refuses an unfit key, a missing or large value, and a new key on a full board.
create or replace function howdah_private.check_board_entry(root_id uuid, key text, value jsonb)
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_bytes int := octet_length(check_board_entry.value::text);
  v_fault text := case
    when coalesce(check_board_entry.key, '') !~ '\S' or check_board_entry.key ~ '[[:cntrl:]]'
      or length(check_board_entry.key) > 200
      then 'key must be one line of 1 to 200 characters'
    when check_board_entry.value is null then 'value is missing'
    when v_bytes > 32768 then format('value has %s bytes, at most 32768 are allowed', v_bytes) end;
begin
  if v_fault is null and not exists (
      select from howdah.board_entries as b
      where b.root_execution_id = check_board_entry.root_id and b.key = check_board_entry.key
    ) and (select count(*) from howdah.board_entries as b
      where b.root_execution_id = check_board_entry.root_id) >= 1000 then
    v_fault := 'the board already has the maximum of 1000 keys';
  end if;
  if v_fault is not null then
    raise exception using errcode = 'HWINV', message = v_fault,
      detail = jsonb_build_object('field',
        case when v_fault ~ '^value' then 'value' else 'key' end)::text,
      hint = 'Call board_read without a key to list the keys. '
        'Divide a long value over several keys.';
  end if;
end $$;
