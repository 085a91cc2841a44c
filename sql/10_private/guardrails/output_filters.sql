-- What a run is about to say, to send out or to leave where others read it, as the filters of its tenant leave it. Called by the
-- worker before the commit that records it, within a time-out of its own: a text that cannot be looked through in time is
-- refused, too. What is looked at are all texts and numbers in a value, keys as well.
--   value   with what was redacted; null when it is blocked
--   hits    [{filter, action}], in the order of their names
create or replace function howdah_private.filtered(execution_id uuid, place howdah.filter_place, inout value jsonb, out hits jsonb)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select r.value, r.hits
  from (
    select array_agg(f order by f.action, f.name) as filters
    from howdah.executions as e
    join howdah.output_filters as f on f.tenant_id = e.tenant_id and (f.agent_id is null or f.agent_id = e.agent_id)
    where e.id = filtered.execution_id and f.is_active and filtered.place = any (f.places)
  ) as f, howdah_private.apply_output_filters(f.filters, filtered.value) as r
$$;

create or replace function howdah_private.apply_output_filters(filters howdah.output_filters[], inout value jsonb, out hits jsonb)
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_filter howdah.output_filters;
  v_clean jsonb;
begin
  hits := '[]';
  foreach v_filter in array coalesce(filters, '{}') loop
    v_clean := howdah_private.withhold(value, v_filter.pattern, '[' || v_filter.name || ' withheld]');
    continue when v_clean = value;
    hits := hits || jsonb_build_object('filter', v_filter.name, 'action', v_filter.action);
    if v_filter.action = 'redact' then
      value := v_clean;
    elsif v_filter.action = 'block' then
      value := null;
      return;
    end if;
  end loop;
end $$;

-- The same of the arguments of a call, wherever its tool takes them.
create or replace function howdah_private.filtered_call(
  execution_id uuid, kind text, tool text, inout value jsonb, out hits jsonb, out place howdah.filter_place
)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  place := howdah_private.filter_place_of(kind, tool);
  select f.value, f.hits into value, hits from howdah_private.filtered(execution_id, place, value) as f;
end $$;

-- Where the arguments of a tool go; null for one that only computes or reads: it brings them nowhere.
create or replace function howdah_private.filter_place_of(kind text, tool text) returns howdah.filter_place
  language sql immutable
return (case filter_place_of.kind
  when 'http' then 'arguments' when 'mcp' then 'arguments' when 'custom' then 'arguments' when 'client' then 'arguments'
  when 'sql' then 'sql'
  when 'agent' then 'message' when 'workflow' then 'message'
  when 'builtin' then case filter_place_of.tool
    when 'http_request' then 'arguments'
    when 'sql_query' then 'sql'
    when 'send_message' then 'message'
    when 'board_write' then 'board' when 'todo' then 'board'
    when 'write_resource' then 'file'
  end
end)::howdah.filter_place;

-- A call whose arguments were looked through before is looked through again before it is made: what was withheld then stays as
-- it is, whatever the pattern makes of the remark.
create or replace function howdah_private.withhold(value jsonb, pattern text, remark text) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case jsonb_typeof(withhold.value)
    when 'string' then to_jsonb(howdah_private.withhold_text(withhold.value #>> '{}', withhold.pattern, withhold.remark))
    when 'number' then case when withhold.value #>> '{}' ~ withhold.pattern then to_jsonb(withhold.remark) else withhold.value end
    when 'array' then (
      select coalesce(jsonb_agg(howdah_private.withhold(i.item, withhold.pattern, withhold.remark) order by i.place), '[]')
      from jsonb_array_elements(withhold.value) with ordinality as i (item, place))
    when 'object' then (
      select coalesce(jsonb_object_agg(howdah_private.withhold_text(m.key, withhold.pattern, withhold.remark),
        howdah_private.withhold(m.value, withhold.pattern, withhold.remark)), '{}')
      from jsonb_each(withhold.value) as m)
    else withhold.value end
$$;

-- Looked for in the text as it stands; then as a reader sees it, without characters that show nothing and in compatible forms
-- (NFKC); then with letters that look like Latin ones. A text in which something hid is left in the form it was found in.
create or replace function howdah_private.withhold_text(value text, pattern text, remark text) returns text
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_kept constant text := U&'\+10FFFD'; -- for private use; stands for the remark, so that no pattern finds that
  v_text text := replace(withhold_text.value, withhold_text.remark, v_kept);
  v_is_found boolean := v_text ~ withhold_text.pattern;
  v_seen text;
begin
  v_text := regexp_replace(v_text, withhold_text.pattern, v_kept, 'g');
  if octet_length(v_text) > length(v_text) then
    v_seen := normalize(regexp_replace(v_text, howdah_private.invisible_characters(), '', 'g'), nfkc);
    for i in 1 .. 2 loop
      if v_seen ~ withhold_text.pattern then
        v_is_found := true;
        v_text := regexp_replace(v_seen, withhold_text.pattern, v_kept, 'g');
        v_seen := v_text;
      end if;
      v_seen := howdah_private.latin_lookalikes(v_seen);
    end loop;
  end if;
  return case when v_is_found then replace(v_text, v_kept, withhold_text.remark) else withhold_text.value end;
end $$;

-- Default_Ignorable_Code_Point of Unicode: soft hyphens, zero-width spaces and joiners, marks of direction, selectors of
-- variants, tags.
create or replace function howdah_private.invisible_characters() returns text
  language sql immutable
return U&'[\00AD\034F\061C\115F\1160\17B4\17B5\180B-\180F\200B-\200F\202A-\202E\2060-\206F\3164\FE00-\FE0F\FEFF\FFA0\FFF0-\FFF8'
  || U&'\+01BCA0-\+01BCA3\+01D173-\+01D17A\+0E0000-\+0E0FFF]';

-- Letters of Cyrillic and Greek that look as a Latin one does (confusables of Unicode's UTS 39), and without accents.
create or replace function howdah_private.latin_lookalikes(value text) returns text
  language sql immutable
return translate(regexp_replace(normalize(latin_lookalikes.value, nfkd), U&'[\0300-\036F]', '', 'g'),
  -- Cyrillic, Greek, hyphens and dashes
  U&'\0410\0412\0415\0405\0406\0408\041A\041C\041D\041E\0420\0421\0422\0423\0425\04AE\050C\051A\051C' ||
  U&'\0430\0501\0435\04BB\0456\0458\04CF\043A\043E\0440\0441\051B\0455\0443\0475\051D\0445' ||
  U&'\0391\0392\0395\0396\0397\0399\039A\039C\039D\039F\03A1\03A4\03A5\03A7' ||
  U&'\03B1\03B3\03B9\03BA\03BD\03BF\03C1\03C5\03C7\03F2' ||
  U&'\2010\2011\2012\2013\2014\2212\2044',
  'ABESIJKMHOPCTYXYGQW' || 'adehijlkopcqsyvwx' || 'ABEZHIKMNOPTYX' || 'ayikvopuxc' || '------/');
