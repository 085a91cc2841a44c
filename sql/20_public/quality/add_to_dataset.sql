-- Adds an ended run to a data set in one call. Reads the run with the rights of the caller.
create or replace function howdah.add_to_dataset(
  dataset text, execution_id uuid, expected jsonb default null, split text default null,
  metadata jsonb default '{}'
) returns howdah.dataset_items
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_dataset_id uuid := howdah_private.dataset_named(add_to_dataset.dataset);
  v_run record;
  v_item howdah.dataset_items;
begin
  select e.id, e.input, e.input_data, e.input_parts, e.output, e.output_data, e.status,
    e.contents_encrypted_at is not null as is_encrypted, e.contents_erased_at
  into v_run
  from howdah.executions as e where e.id = add_to_dataset.execution_id;
  if v_run.id is null then
    raise exception using errcode = 'HWNTF',
      message = format('there is no execution %s',
        coalesce(add_to_dataset.execution_id::text, 'null')),
      detail = jsonb_build_object('execution_id', add_to_dataset.execution_id)::text,
      hint = 'See howdah.executions for the runs that exist.';
  elsif v_run.is_encrypted or v_run.contents_erased_at is not null then
    raise exception using errcode = 'HWCNF',
      message = format('the contents of execution %s are %s', v_run.id,
        case when v_run.is_encrypted then 'encrypted' else 'erased' end),
      detail = jsonb_build_object('execution_id', v_run.id)::text,
      hint = 'Insert a row into howdah.dataset_items with the input and what is expected.';
  elsif add_to_dataset.expected is null and v_run.status <> 'completed' then
    raise exception using errcode = 'HWINV',
      message = format('expected is missing, and the run is %s', v_run.status),
      detail = '{"field": "expected"}', hint = 'Say what the answer should have been.';
  end if;
  insert into howdah.dataset_items as i (dataset_id, source_execution_id, input, input_data,
    input_parts, expected, split, metadata)
  values (v_dataset_id, v_run.id, v_run.input, v_run.input_data, v_run.input_parts,
    coalesce(add_to_dataset.expected, v_run.output_data, to_jsonb(v_run.output)),
    add_to_dataset.split, coalesce(add_to_dataset.metadata, '{}'))
  returning i.* into v_item;
  return v_item;
end $$;
comment on function howdah.add_to_dataset(text, uuid, jsonb, text, jsonb) is
  'Adds a run to a data set: its input with files, what is expected (by default its answer), and '
  'the version that ran. Raises HWCNF for a run whose contents are encrypted or erased.';
