-- Redaction of exports for readers who may see how a run went, but not its contents. Every text,
-- argument and result becomes `[redacted]`. Kinds, names, ids, times, tokens and cost stay.
--
-- The class of a column decides whether its values are redacted (content_columns). A column of
-- texts without a class is redacted, so a new column is redacted until somebody gives it a class.

-- Returns a row as a document with the values of these columns redacted; without columns, the row
-- is unchanged. Of errors, the code stays. Of calls, the id and the name stay.
create or replace function howdah_private.redact_document(document jsonb, columns text[])
  returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case when redact_document.columns is null then redact_document.document else (
    select json_object_agg(f.key, case
      when f.key <> all (redact_document.columns) or f.value in ('null', '""', '{}', '[]')
        then f.value
      when f.key = 'error' then howdah_private.erase_error(f.value, '[redacted]')
      when f.key = 'tool_calls' then howdah_private.erase_calls(f.value, '[redacted]')
      when f.key = 'tool_call'
        then howdah_private.erase_calls(jsonb_build_array(f.value), '[redacted]') -> 0
      else '"[redacted]"' end)::jsonb
    from jsonb_each(redact_document.document) as f
  ) end
$$;

-- Redacts all texts of a document at any depth. Field names, numbers and booleans stay.
create or replace function howdah_private.redacted_texts(document jsonb) returns jsonb
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case jsonb_typeof(document)
    when 'string' then to_jsonb('[redacted]'::text)
    when 'object' then (
      select coalesce(json_object_agg(f.key, howdah_private.redacted_texts(f.value))::jsonb, '{}')
      from jsonb_each(document) as f
    )
    when 'array' then (
      select coalesce(to_jsonb(array_agg(
        howdah_private.redacted_texts(x.value) order by x.place)), '[]')
      from jsonb_array_elements(document) with ordinality as x (value, place)
    )
    else document end;
end $$;

-- Redacts a pinned definition. The models and tools of an agent, their names and their limits stay.
create or replace function howdah_private.redacted_definition(definition jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.redacted_texts(redacted_definition.definition) || jsonb_build_object(
    'agent', howdah_private.with_names(redacted_definition.definition -> 'agent'),
    'models', (
      select coalesce(to_jsonb(array_agg(
        howdah_private.with_names(m.value) order by m.place)), '[]')
      from jsonb_array_elements(redacted_definition.definition -> 'models')
        with ordinality as m (value, place)
    ),
    'tools', (
      select coalesce(to_jsonb(array_agg(howdah_private.with_names(t.value) || case
        when t.value ? 'compensation' then jsonb_build_object(
          'compensation', howdah_private.with_names(t.value -> 'compensation')
        )
        else '{}' end order by t.place)), '[]')
      from jsonb_array_elements(redacted_definition.definition -> 'tools')
        with ordinality as t (value, place)
    )) || case when redacted_definition.definition ? 'skills' then jsonb_build_object('skills', (
      select to_jsonb(array_agg(howdah_private.with_names(s.value) order by s.place))
      from jsonb_array_elements(redacted_definition.definition -> 'skills')
        with ordinality as s (value, place)
    )) else '{}' end
$$;

-- Redacts a part of a definition except for its ids and names.
create or replace function howdah_private.with_names(part jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.redacted_texts(with_names.part) || coalesce((
    select json_object_agg(f.key, f.value)::jsonb from jsonb_each(with_names.part) as f
    where f.key in ('id', 'name', 'aliases', 'kind', 'agent_id', 'effect', 'provider', 'model',
      'secret_name', 'context_policy', 'engine')
  ), '{}')
$$;
