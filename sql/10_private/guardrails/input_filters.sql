-- Applies output filters at the place `input`: to what people and their programs send, before it
-- is stored. Nothing else keeps the text, so what a filter withholds is in no row, job or
-- notification.
--
--   runs      input, input_data, and the texts of input_parts and history: _100_prepare of
--             executions calls filter_run and filter_run_parts. Rows of watched tables and
--             schedules count too. Child runs do not: what an agent writes is checked at the place
--             `message`.
--   later     messages to live runs, inputs of forks, answers to questions, comments of feedback:
--             the functions that store them call filter_message, filter_answer or filter_text
--   mail      messages of people to agents: _100_address of mail
--   replies   what an inbound hook makes of a body for the reply: filter_reply
--
-- Matches are counted in input_hits of the run or message: [{filter, action, matches}]. A text
-- that was withheld earlier stays as it is (redact_text), so forks and repeated histories match
-- nothing again. Copies of encrypted contents are not filtered (decrypt_before_claim.sql).

-- Returns the filters for what people send to an agent, or to a workflow if the agent is null. Null
-- means that there are none. Compares places as texts, since a migration that adds the label cannot
-- use it yet.
create or replace function howdah_private.input_filters(tenant_id uuid, agent_id uuid)
  returns howdah.output_filters[]
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select array_agg(f order by f.action, f.name) from howdah.output_filters as f
    where f.tenant_id = input_filters.tenant_id and f.is_active
      and 'input' = any (f.places::text[])
      and (f.agent_id is null or f.agent_id = input_filters.agent_id)
  );
end $$;

-- Adds up what filters found: [{filter, action, matches}], or null if nothing was found.
create or replace function howdah_private.add_hits(known jsonb, found jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select to_jsonb(array_agg(
    jsonb_build_object('filter', h.filter, 'action', h.action, 'matches', h.matches)
    order by h.filter, h.action))
  from (
    select x.hit ->> 'filter' as filter, x.hit ->> 'action' as action,
      sum((x.hit ->> 'matches')::int) as matches
    from jsonb_array_elements(
      coalesce(add_hits.known, '[]') || coalesce(add_hits.found, '[]')) as x (hit)
    group by 1, 2
  ) as h
$$;

-- Reports whether a filter may match a text, in one of the forms that redact_text matches. Makes
-- these forms once for all filters; the usual text of a bulk insert needs no more than this.
create or replace function howdah_private.can_match(filters howdah.output_filters[], value text)
  returns boolean
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_filter howdah.output_filters;
  v_is_ascii constant boolean := octet_length(value) = length(value);
  v_visible text;
  v_latin text;
begin
  if not v_is_ascii then
    v_visible := howdah_private.visible_text(value);
    v_latin := howdah_private.latin_lookalikes(v_visible);
  end if;
  foreach v_filter in array filters loop
    if value ~ v_filter.pattern or position(' withheld]' in value) > 0
      or not v_is_ascii and (v_visible ~ v_filter.pattern or v_latin ~ v_filter.pattern) then
      return true;
    end if;
  end loop;
  return false;
end $$;

-- Reports whether a filter may match a value: one of its texts, keys or numbers.
create or replace function howdah_private.value_may_match(
  filters howdah.output_filters[], value jsonb
) returns boolean
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_part jsonb;
  v_key text;
begin
  case jsonb_typeof(value)
    when 'string', 'number' then
      return howdah_private.can_match(filters, value #>> '{}');
    when 'array' then
      for v_part in select a.item from jsonb_array_elements(value) as a (item) loop
        if howdah_private.value_may_match(filters, v_part) then
          return true;
        end if;
      end loop;
    when 'object' then
      for v_key, v_part in select m.key, m.value from jsonb_each(value) as m loop
        if howdah_private.can_match(filters, v_key)
          or howdah_private.value_may_match(filters, v_part) then
          return true;
        end if;
      end loop;
    else null;
  end case;
  return false;
end $$;

-- Refuses a value that takes longer than two seconds. A function cannot stop a match that has
-- begun: the statement_timeout of the caller does.
create or replace function howdah_private.check_filter_time(field text, since timestamptz)
  returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if clock_timestamp() > since + interval '2 seconds' then
    raise exception using errcode = 'HWINV',
      message = format('%s could not be filtered within two seconds', field),
      detail = jsonb_build_object('field', field)::text,
      hint = 'Send a shorter text, or ask an admin to simplify the patterns of the filters.';
  end if;
end $$;

-- Applies filters to the value of one field, and adds what they find to `hits`. Refuses a value
-- that a filter blocks, or that placeholders would make much larger.
create or replace function howdah_private.filter_field(
  filters howdah.output_filters[], field text, inout value jsonb, inout hits jsonb
)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_since constant timestamptz := clock_timestamp();
  v_filter howdah.output_filters;
  v_found jsonb;
begin
  if value is null or not howdah_private.value_may_match(filters, value) then
    perform howdah_private.check_filter_time(filter_field.field, v_since);
    return;
  end if;
  foreach v_filter in array filters loop
    if howdah_private.can_outgrow(value, v_filter.pattern,
      howdah_private.filter_placeholder(v_filter)) then
      raise exception using errcode = 'HWINV',
        message = format('%s has too many matches of the filter %s', filter_field.field,
          v_filter.name),
        detail = jsonb_build_object(
          'field', filter_field.field, 'filter', v_filter.name)::text,
        hint = 'Send a shorter text, or ask an admin to make the pattern of the filter narrower.';
    end if;
    select a.value, a.hits into value, v_found
    from howdah_private.apply_output_filters(array[v_filter], filter_field.value) as a;
    if value is null then
      raise exception using errcode = 'HWINV',
        message = format('%s is blocked by the filter %s', filter_field.field, v_filter.name),
        detail = jsonb_build_object(
          'field', filter_field.field, 'filter', v_filter.name)::text,
        hint = 'Remove what the filter looks for, and send the rest again.';
    end if;
    perform howdah_private.check_filter_time(filter_field.field, v_since);
    hits := howdah_private.add_hits(hits, v_found);
  end loop;
end $$;

-- Applies filters to a text, as filter_field does to a value.
create or replace function howdah_private.filter_text(
  filters howdah.output_filters[], field text, inout value text, inout hits jsonb
)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_result record;
begin
  v_result := howdah_private.filter_field(filters, field, to_jsonb(value), hits);
  value := v_result.value #>> '{}';
  hits := v_result.hits;
end $$;

-- Returns the texts of input parts, in their order: the text of a part or the name of its file,
-- else null. The bytes of images, audio and files are not text.
create or replace function howdah_private.part_texts(parts jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(coalesce(
    case p.part ->> 'type' when 'text' then p.part -> 'text' when 'file'
      then p.part #> '{file,filename}' end, 'null') order by p.place)), '[]')
  from jsonb_array_elements(
    case jsonb_typeof(part_texts.parts) when 'array' then part_texts.parts end
  ) with ordinality as p (part, place)
$$;

-- Returns input parts with other texts, which part_texts has returned.
create or replace function howdah_private.parts_with_texts(parts jsonb, texts jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select to_jsonb(array_agg(case p.part ->> 'type'
    when 'text' then jsonb_set(p.part, '{text}', parts_with_texts.texts -> (p.place::int - 1))
    when 'file' then jsonb_set(p.part, '{file,filename}',
      parts_with_texts.texts -> (p.place::int - 1))
    else p.part end order by p.place))
  from jsonb_array_elements(parts_with_texts.parts) with ordinality as p (part, place)
$$;

-- Applies filters to the texts and file names of input parts, as filter_field does to a value.
create or replace function howdah_private.filter_parts(
  filters howdah.output_filters[], field text, inout parts jsonb, inout hits jsonb
)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_texts constant jsonb := howdah_private.part_texts(parts);
  v_result record;
begin
  v_result := howdah_private.filter_field(filters, field, v_texts, hits);
  hits := v_result.hits;
  if v_result.value <> v_texts then
    parts := howdah_private.parts_with_texts(parts, v_result.value);
  end if;
end $$;

-- Reads the arguments of a tool call, which a client sends as text. Arguments that are no JSON stay
-- a text.
create or replace function howdah_private.read_arguments(arguments text) returns jsonb
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return read_arguments.arguments::jsonb;
exception when data_exception or statement_too_complex then
  return to_jsonb(read_arguments.arguments);
end $$;

-- Returns the texts of a message of a history: [content, texts of parts, arguments of calls].
create or replace function howdah_private.history_texts(message jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_array(message -> 'content', howdah_private.part_texts(message -> 'parts'), (
    select coalesce(to_jsonb(array_agg(
      howdah_private.read_arguments(c.call ->> 'arguments') order by c.place)), '[]')
    from jsonb_array_elements(
      case jsonb_typeof(message -> 'tool_calls') when 'array' then message -> 'tool_calls' end
    ) with ordinality as c (call, place)))
$$;

-- Returns a message of a history with other texts, which history_texts has returned.
create or replace function howdah_private.message_with_texts(message jsonb, texts jsonb)
  returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select message
    || case when message ? 'content' then jsonb_build_object('content', texts -> 0) else '{}' end
    || case when jsonb_array_length(texts -> 1) > 0 then jsonb_build_object('parts',
        howdah_private.parts_with_texts(message -> 'parts', texts -> 1)) else '{}' end
    || case when jsonb_array_length(texts -> 2) > 0 then jsonb_build_object('tool_calls', (
        select to_jsonb(array_agg(c.call || jsonb_build_object('arguments',
          case jsonb_typeof(a.value) when 'string' then a.value #>> '{}' else a.value::text end
        ) order by c.place))
        from jsonb_array_elements(message -> 'tool_calls') with ordinality as c (call, place)
        join jsonb_array_elements(texts -> 2) with ordinality as a (value, place) using (place)))
      else '{}' end
$$;

-- Applies filters to the texts of a conversation, and to the arguments of its tool calls, as
-- filter_field does to a value.
create or replace function howdah_private.filter_history(
  filters howdah.output_filters[], inout history jsonb, inout hits jsonb
)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_texts constant jsonb := (
    select to_jsonb(array_agg(howdah_private.history_texts(m.message) order by m.place))
    from jsonb_array_elements(history) with ordinality as m (message, place));
  v_result record;
begin
  v_result := howdah_private.filter_field(filters, 'history', v_texts, hits);
  hits := v_result.hits;
  if v_result.value <> v_texts then
    history := (
      select to_jsonb(array_agg(case when t.texts = v_texts -> (m.place::int - 1) then m.message
        else howdah_private.message_with_texts(m.message, t.texts) end order by m.place))
      from jsonb_array_elements(history) with ordinality as m (message, place)
      join jsonb_array_elements(v_result.value) with ordinality as t (texts, place) using (place)
    );
  end if;
end $$;

-- Reports whether people sent the input of a new run. An agent wrote that of a child run, and the
-- engine that of a run that undoes the calls of another one.
create or replace function howdah_private.is_sent(e howdah.executions) returns boolean
  language sql immutable
  return num_nonnulls(e.parent_execution_id, e.compensates_execution_id, e.completed_at) = 0;

-- Filters the input of a new run. A placeholder may be longer than what it replaces, so sizes are
-- checked again.
create or replace function howdah_private.filter_run(e howdah.executions)
  returns howdah.executions
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_filters constant howdah.output_filters[] := case when howdah_private.is_sent(e)
    then howdah_private.input_filters(e.tenant_id, e.agent_id) end;
begin
  if v_filters is null then
    return e;
  end if;
  if not howdah_private.is_encrypted_copy(e.contents_encrypted_at, to_jsonb(e.input)) then
    select f.value, f.hits into e.input, e.input_hits
    from howdah_private.filter_text(v_filters, 'input', e.input, null) as f;
  end if;
  if e.input_data is not null
    and not howdah_private.is_encrypted_copy(e.contents_encrypted_at, e.input_data) then
    select f.value, f.hits into e.input_data, e.input_hits
    from howdah_private.filter_field(v_filters, 'input_data', e.input_data, e.input_hits) as f;
  end if;
  if e.input_hits is not null then
    perform howdah_private.check_input(e), howdah_private.check_run(e);
  end if;
  return e;
end $$;

-- Filters the parts and the history of a new run, after their form was checked.
create or replace function howdah_private.filter_run_parts(e howdah.executions)
  returns howdah.executions
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_filters constant howdah.output_filters[] := case when howdah_private.is_sent(e)
    then howdah_private.input_filters(e.tenant_id, e.agent_id) end;
begin
  if v_filters is null then
    return e;
  end if;
  if e.input_parts is not null
    and not howdah_private.is_encrypted_copy(e.contents_encrypted_at, e.input_parts) then
    select f.parts, f.hits into e.input_parts, e.input_hits
    from howdah_private.filter_parts(v_filters, 'input_parts', e.input_parts, e.input_hits) as f;
    perform howdah_private.check_parts(e.tenant_id, e.input_parts);
  end if;
  if e.history is not null then
    if e.contents_encrypted_at is null then
      select f.history, f.hits into e.history, e.input_hits
      from howdah_private.filter_history(v_filters, e.history, e.input_hits) as f;
    else
      select f.history, f.hits into e.history, e.input_hits
      from howdah_private.filter_copied_history(v_filters, e.history, e.input_hits) as f;
    end if;
    perform howdah_private.check_history(case when e.contents_encrypted_at is null then e.history
      else howdah_private.without_copies(e.history) end);
  end if;
  return e;
end $$;

-- Filters a message that a person sends to a live run, and checks its size again.
create or replace function howdah_private.filter_message(
  run howdah.executions, inout content text, inout parts jsonb, out hits jsonb
)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_filters constant howdah.output_filters[] :=
    howdah_private.input_filters(run.tenant_id, run.agent_id);
begin
  if v_filters is not null then
    select f.value, f.hits into content, hits
    from howdah_private.filter_text(v_filters, 'content', content, null) as f;
    select f.parts, f.hits into parts, hits
    from howdah_private.filter_parts(v_filters, 'input_parts', parts, hits) as f;
    perform howdah_private.check_message_content(run.tenant_id, content, parts)
    where hits is not null;
  end if;
end $$;

-- Filters an answer of a person to a question: its text, and the values, edited arguments or
-- reason in data. A word of an approval and an option of the question stay as they are.
-- read_answer then checks what is left, and refuses answers over 1 MB.
create or replace function howdah_private.filter_answer(
  q howdah.questions, inout answer text, inout data jsonb, out hits jsonb
)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_filters constant howdah.output_filters[] := (
    select howdah_private.input_filters(e.tenant_id, e.agent_id)
    from howdah.executions as e where e.id = q.execution_id);
begin
  if v_filters is null or greatest(octet_length(answer), octet_length(data::text)) > 1048576 then
    return;
  end if;
  if q.kind = 'question' and coalesce(q.options ? answer, false) is false then
    select f.value, f.hits into answer, hits
    from howdah_private.filter_text(v_filters, 'answer', answer, hits) as f;
  end if;
  select f.value, f.hits into data, hits
  from howdah_private.filter_field(v_filters, 'data', data, hits) as f;
end $$;

-- Filters a message of a person to an agent.
create or replace function howdah_private.filter_mail(m howdah.mail) returns howdah.mail
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_filters constant howdah.output_filters[] :=
    howdah_private.input_filters(m.tenant_id, m.to_agent_id);
begin
  if v_filters is not null then
    select f.value, f.hits into m.subject, m.input_hits
    from howdah_private.filter_text(v_filters, 'subject', m.subject, null) as f;
    select f.value, f.hits into m.content, m.input_hits
    from howdah_private.filter_text(v_filters, 'content', m.content, m.input_hits) as f;
    perform howdah_private.raise_large('content', octet_length(m.content), 32768, 'bytes')
    where octet_length(m.content) > 32768;
  end if;
  return m;
end $$;

-- Adds what filters found to a run that the caller has locked.
create or replace function howdah_private.record_input_hits(execution_id uuid, hits jsonb)
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah.executions as e
  set input_hits = howdah_private.add_hits(e.input_hits, record_input_hits.hits)
  where record_input_hits.hits is not null and e.id = record_input_hits.execution_id
$$;
