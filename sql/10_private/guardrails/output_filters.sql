-- Applies the output filters of a tenant to a value that a run is about to answer, send out or
-- store where others read it. The worker calls this function before the commit that records the
-- value, with a time-out of its own: a text that cannot be filtered in time is refused too. Filters
-- see all texts and numbers of the value, including keys.
--
--   value   the value after redaction; null if a filter blocked it
--   hits    [{filter, action, matches}], in the order of their names
create or replace function howdah_private.filter_value(
  execution_id uuid, place howdah.filter_place, inout value jsonb, out hits jsonb
)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select r.value, r.hits
  from (
    select array_agg(f order by f.action, f.name) as filters
    from howdah.executions as e
    join howdah.output_filters as f on f.tenant_id = e.tenant_id
      and (f.agent_id is null or f.agent_id = e.agent_id)
    where e.id = filter_value.execution_id and f.is_active and filter_value.place = any (f.places)
  ) as f, howdah_private.apply_output_filters(f.filters, filter_value.value) as r
$$;

-- Applies filters to a value, in the order of the list: flag notes a match, redact replaces it, and
-- block makes the value null and ends the list. A value that placeholders would make much larger is
-- withheld as a whole.
create or replace function howdah_private.apply_output_filters(
  filters howdah.output_filters[], inout value jsonb, out hits jsonb
)
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_filter howdah.output_filters;
  v_placeholder text;
  v_clean jsonb;
begin
  hits := '[]';
  foreach v_filter in array coalesce(filters, '{}') loop
    v_placeholder := howdah_private.filter_placeholder(v_filter);
    v_clean := case
      when howdah_private.can_outgrow(value, v_filter.pattern, v_placeholder)
        then howdah_private.withheld_value(value, v_placeholder)
      else howdah_private.withhold(value, v_filter.pattern, v_placeholder) end;
    continue when v_clean = value;
    hits := hits || jsonb_build_object('filter', v_filter.name, 'action', v_filter.action,
      'matches', greatest(1, howdah_private.count_matches(v_clean::text, v_placeholder)
        - howdah_private.count_matches(value::text, v_placeholder)));
    if v_filter.action = 'redact' then
      value := v_clean;
    elsif v_filter.action = 'block' then
      value := null;
      return;
    end if;
  end loop;
end $$;

-- Returns the text that takes the place of what a filter matches.
create or replace function howdah_private.filter_placeholder(filter howdah.output_filters)
  returns text
  language sql immutable
return '[' || (filter_placeholder.filter).name || ' withheld]';

-- Returns whether a value may have more than 8 MB once each match of a pattern is replaced by a
-- placeholder. A text has at most one match for each character, and one at its end, so the matches
-- of a small value are not counted.
create or replace function howdah_private.can_outgrow(
  value jsonb, pattern text, placeholder text
) returns boolean
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_max_bytes constant bigint := 8388608;
  v_placeholder_bytes constant bigint := octet_length(can_outgrow.placeholder);
  v_length constant bigint := length(can_outgrow.value::text);
  v_matches bigint;
begin
  if (v_length + 1) * v_placeholder_bytes <= v_max_bytes then
    return false;
  end if;
  select sum(greatest(regexp_count(t.text, can_outgrow.pattern),
      case when octet_length(t.text) > length(t.text)
        then regexp_count(howdah_private.visible_text(t.text), can_outgrow.pattern) end))
    into v_matches
  from (
    select p.item #>> '{}'
    from jsonb_path_query(can_outgrow.value,
      'strict $.** ? (@.type() == "string" || @.type() == "number")') as p (item)
    union all
    select p.item #>> '{}'
    from jsonb_path_query(can_outgrow.value,
      'strict $.** ? (@.type() == "object").keyvalue().key') as p (item)
  ) as t (text);
  return v_matches > 0 and v_length + v_matches * v_placeholder_bytes > v_max_bytes;
end $$;

-- Returns a placeholder in place of all of a value, as a value of the same type.
create or replace function howdah_private.withheld_value(value jsonb, placeholder text)
  returns jsonb
  language sql immutable
return case jsonb_typeof(withheld_value.value)
  when 'object' then jsonb_build_object('withheld', withheld_value.placeholder)
  when 'array' then jsonb_build_array(withheld_value.placeholder)
  else to_jsonb(withheld_value.placeholder) end;

-- Returns how often a text contains another one, such as the placeholder of a filter.
create or replace function howdah_private.count_matches(value text, part text) returns int
  language sql immutable
return (length(count_matches.value) - length(replace(count_matches.value, count_matches.part, '')))
  / length(count_matches.part);

-- Applies the filters to the arguments of a call, at the place where its tool sends them.
create or replace function howdah_private.filter_arguments(
  execution_id uuid, kind text, tool text, inout value jsonb, out hits jsonb,
  out place howdah.filter_place
)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  place := howdah_private.filter_place_of(kind, tool);
  select f.value, f.hits into value, hits
  from howdah_private.filter_value(execution_id, place, value) as f;
end $$;

-- Returns the place where a tool sends its arguments, or null for a tool that only computes or
-- reads.
create or replace function howdah_private.filter_place_of(kind text, tool text)
  returns howdah.filter_place
  language sql immutable
return (case filter_place_of.kind
  when 'http' then 'arguments' when 'mcp' then 'arguments' when 'custom' then 'arguments'
  when 'client' then 'arguments'
  when 'sql' then 'sql'
  when 'agent' then 'message' when 'workflow' then 'message'
  when 'builtin' then case filter_place_of.tool
    when 'http_request' then 'arguments'
    when 'sql_query' then 'sql'
    when 'send_message' then 'message'
    when 'board_write' then 'board' when 'todo' then 'board'
    when 'write_resource' then 'file'
    when 'remember' then 'message'
  end
end)::howdah.filter_place;

-- Replaces every match of a pattern in a value by a placeholder. A call is filtered again before it
-- is made. Text that was withheld earlier stays as it is, even if the pattern matches the
-- placeholder.
create or replace function howdah_private.withhold(value jsonb, pattern text, placeholder text)
  returns jsonb
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_typeof(withhold.value) = 'string' then
    return to_jsonb(howdah_private.redact_text(withhold.value #>> '{}', withhold.pattern,
      withhold.placeholder));
  end if;
  return case jsonb_typeof(withhold.value)
    when 'number' then case when withhold.value #>> '{}' ~ withhold.pattern
      then to_jsonb(withhold.placeholder) else withhold.value end
    when 'array' then (
      select coalesce(to_jsonb(array_agg(howdah_private.withhold(i.item, withhold.pattern,
        withhold.placeholder) order by i.place)), '[]')
      from jsonb_array_elements(withhold.value) with ordinality as i (item, place))
    when 'object' then (
      select coalesce(json_object_agg(
        howdah_private.redact_text(m.key, withhold.pattern, withhold.placeholder),
        howdah_private.withhold(m.value, withhold.pattern, withhold.placeholder))::jsonb, '{}')
      from jsonb_each(withhold.value) as m)
    else withhold.value end;
end $$;

-- Matches the pattern three times: in the text as it is; in the text as a reader sees it, without
-- invisible characters and in compatible forms (NFKC); and with lookalike letters replaced by Latin
-- ones. A text with a hidden match is returned in the form in which the match was found.
create or replace function howdah_private.redact_text(value text, pattern text, placeholder text)
  returns text
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  -- private-use character in place of the placeholder, which no pattern matches
  v_mark constant text := U&'\+10FFFD';
  v_text text := replace(redact_text.value, redact_text.placeholder, v_mark);
  v_is_found boolean := v_text ~ redact_text.pattern;
  v_visible text;
begin
  v_text := regexp_replace(v_text, redact_text.pattern, v_mark, 'g');
  if octet_length(v_text) > length(v_text) then
    v_visible := howdah_private.visible_text(v_text);
    for i in 1 .. 2 loop
      if v_visible ~ redact_text.pattern then
        v_is_found := true;
        v_text := regexp_replace(v_visible, redact_text.pattern, v_mark, 'g');
        v_visible := v_text;
      end if;
      v_visible := howdah_private.latin_lookalikes(v_visible);
    end loop;
  end if;
  return case when v_is_found then replace(v_text, v_mark, redact_text.placeholder)
    else redact_text.value end;
end $$;
