-- The tools `board_read` and `board_write`: what the runs of one tree share.

-- Called by the worker in the transaction that commits the tool's step.
create or replace function howdah_private.call_board_read(execution_id uuid, arguments jsonb) returns jsonb
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
    select jsonb_agg(jsonb_build_object('key', b.key, 'version', b.version) order by b.key)
    from howdah.board_entries as b where b.root_execution_id = v_run.root_execution_id
  ), '[]'));
end $$;

-- What stands under a key; version 0: nothing does.
create or replace function howdah_private.board_entry(root_id uuid, key text) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce((
    select jsonb_build_object('key', b.key, 'value', b.value, 'version', b.version, 'written_by', a.name)
    from howdah.board_entries as b
    join howdah.executions as e on e.id = b.written_by_execution_id
    left join howdah.agents as a on a.id = e.agent_id
    where b.root_execution_id = board_entry.root_id and b.key = board_entry.key
  ), jsonb_build_object('key', board_entry.key, 'value', null, 'version', 0))
$$;

-- Nobody's write is lost: the version that is named has to be the one that stands there, and who names none says that there
-- is none. Of two who write at once the second waits for the first, and then hears of it.
create or replace function howdah_private.call_board_write(execution_id uuid, arguments jsonb) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions := howdah_private.calling_run(call_board_write.execution_id);
  v_key text := arguments ->> 'key';
  v_expected int := coalesce((arguments ->> 'expected_version')::int, 0);
  v_version int;
begin
  perform howdah_private.refuse_entry(v_run.root_execution_id, v_key, arguments -> 'value');
  if v_expected = 0 then
    insert into howdah.board_entries as b (tenant_id, root_execution_id, key, value, written_by_execution_id)
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
      'nothing was written: the key has version %s, not %s; write again with expected_version %1$s if your value still is right',
      e.entry ->> 'version', v_expected)) || e.entry
    from (select howdah_private.board_entry_now(v_run.root_execution_id, v_key) as entry) as e);
end $$;

-- As it stands now, and not when the statement that asks began: a volatile function has a snapshot of its own.
create or replace function howdah_private.board_entry_now(root_id uuid, key text) returns jsonb
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  return howdah_private.board_entry(board_entry_now.root_id, board_entry_now.key);
end $$;

create or replace function howdah_private.refuse_entry(root_id uuid, key text, value jsonb) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_bytes int := octet_length(refuse_entry.value::text);
  v_fault text := case
    when coalesce(refuse_entry.key, '') !~ '\S' or refuse_entry.key ~ '[[:cntrl:]]' or length(refuse_entry.key) > 200
      then 'key must be one line of 1 to 200 characters'
    when refuse_entry.value is null then 'value is missing'
    when v_bytes > 32768 then format('value has %s bytes, at most 32768 are allowed', v_bytes) end;
begin
  if v_fault is null and not exists (
      select from howdah.board_entries as b where b.root_execution_id = refuse_entry.root_id and b.key = refuse_entry.key
    ) and (select count(*) from howdah.board_entries as b where b.root_execution_id = refuse_entry.root_id) >= 1000 then
    v_fault := 'the board is full: it has 1000 keys';
  end if;
  if v_fault is not null then
    raise exception using errcode = 'HWINV', message = v_fault,
      detail = jsonb_build_object('field', case when v_fault ~ '^value' then 'value' else 'key' end)::text,
      hint = 'board_read without a key says which keys there are. What is long is divided over several keys.';
  end if;
end $$;
