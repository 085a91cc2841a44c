-- Checks of pattern and format of JSON Schemas. Patterns are regular expressions of JavaScript.
-- They are rewritten where Postgres would read them differently. A pattern that Postgres cannot
-- compile checks nothing.

create or replace function howdah_private.json_text_faults(schema jsonb, value text, place text)
  returns text[]
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_faults text[] := '{}';
  v_formats constant jsonb := '{"date": "a date such as 2026-01-31", "time": "a time such as '
    '12:30:00Z", "date-time": "a time such as 2026-01-31T12:30:00Z", "email": "an e-mail address", '
    '"uuid": "a UUID", "uri": "a URI such as https://example.com", "ipv4": "an IPv4 address", '
    '"ipv6": "an IPv6 address"}';
begin
  if json_text_faults.schema ? 'pattern'
    and not howdah_private.json_matches(value, schema ->> 'pattern') then
    v_faults := v_faults || howdah_private.json_sentence(
      place, 'must match the pattern ' || left(schema ->> 'pattern', 200));
  end if;
  if v_formats ? (schema ->> 'format')
    and not howdah_private.json_has_format(value, schema ->> 'format') then
    v_faults := v_faults || howdah_private.json_sentence(
      place, 'must be ' || (v_formats ->> (schema ->> 'format')));
  end if;
  return v_faults;
end $$;

-- Tests whether a text has a format. Dates and times follow RFC 3339, with their offset. E-mail
-- addresses and URIs are checked loosely.
create or replace function howdah_private.json_has_format(value text, format text) returns boolean
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_parts text[];
  v_minutes int;
begin
  case json_has_format.format
    when 'date' then
      v_parts := regexp_match(value, '^([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$');
      return coalesce(v_parts[3]::int <= case
        when v_parts[2]::int in (4, 6, 9, 11) then 30
        when v_parts[2]::int <> 2 then 31
        when v_parts[1]::int % 4 = 0
          and (v_parts[1]::int % 100 <> 0 or v_parts[1]::int % 400 = 0) then 29
        else 28 end, false);
    when 'time' then
      v_parts := regexp_match(value, '^([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(?:\.[0-9]+)?'
        '(?:[zZ]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))$');
      -- a leap second is valid only at the end of a day in UTC
      v_minutes := v_parts[1]::int * 60 + v_parts[2]::int
        - coalesce((v_parts[4] || '1')::int * (v_parts[5]::int * 60 + v_parts[6]::int), 0);
      return coalesce(v_parts[3] <> '60' or (v_minutes + 1440) % 1440 = 1439, false);
    when 'date-time' then
      return value ~ '^.{10}[tT]' and howdah_private.json_has_format(left(value, 10), 'date')
        and howdah_private.json_has_format(substr(value, 12), 'time');
    when 'email' then
      return value ~* '^[a-z0-9!#$%&''*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&''*+/=?^_`{|}~-]+)*'
        '@([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]*[a-z0-9])?$';
    when 'uuid' then
      return value ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
    when 'uri' then
      return value ~* '^[a-z][a-z0-9+.-]*:([]a-z0-9._~:/?#[@!$&''()*+,;=-]|%[0-9a-f]{2})+$';
    when 'ipv4' then
      return value ~ '^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\.|$)){4}$' and value !~ '\.$';
    when 'ipv6' then
      v_parts := regexp_match(value, '^(.*:)([0-9.]+\.[0-9]+)$');
      if howdah_private.json_has_format(v_parts[2], 'ipv4') then
        return howdah_private.json_has_format(v_parts[1] || '0:0', 'ipv6');
      end if;
      return value ~* '^([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}$' or (
        value ~* '^([0-9a-f]{1,4}(:[0-9a-f]{1,4})*)?::([0-9a-f]{1,4}(:[0-9a-f]{1,4})*)?$'
        and cardinality(array_remove(string_to_array(value, ':'), '')) <= 7);
    else return true;
  end case;
end $$;

-- Matches a text against a pattern. Returns null if Postgres cannot compile the pattern, or only
-- with more memory than one allocation may have. Because of the exception handler, no function of
-- the validation is parallel safe: before PostgreSQL 17, a parallel query cannot begin a
-- subtransaction.
create or replace function howdah_private.json_matches(value text, pattern text) returns boolean
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return json_matches.value ~ howdah_private.postgres_pattern(json_matches.pattern);
exception when invalid_regular_expression or internal_error then
  return null;
end $$;

-- Translates a JavaScript pattern to Postgres, or returns null if Postgres has no equivalent.
-- Rewrites `.` (no line break), \d \w \s (of ASCII, and of Unicode), \b and \B, \xHH, \u{…},
-- \p{L} if the locale of the database knows letters, named groups, and within brackets a `[` and a
-- `-` beside a class.
create or replace function howdah_private.postgres_pattern(pattern text) returns text
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_letters boolean := 'é' ~ '[[:alpha:]]';
  v_written text := '';
  v_token text;
  v_class text;
  v_inside boolean := false;
  v_before text := '';
begin
  for v_token in
    select t.found[1]
    from regexp_matches(postgres_pattern.pattern,
      '(\\u\{[0-9a-fA-F]{1,6}\}|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}'
      '|\\[pP]\{[A-Za-z]+\}|\\.|\(\?<[A-Za-z_$][A-Za-z0-9_$]*>|\[\^|.)', 'g') as t (found)
  loop
    v_class := case
      when v_token in ('\d', '\D') then '0-9'
      when v_token in ('\w', '\W') then 'A-Za-z0-9_'
      when v_token in ('\s', '\S') then
        ' \t\n\v\f\r\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff'
      when v_token ~ '^\\[pP]\{(L|Letter|Alphabetic)\}$' and v_letters then '[:alpha:]'
      when v_token ~ '^\\[pP]\{(Lu|Uppercase)\}$' and v_letters then '[:upper:]'
      when v_token ~ '^\\[pP]\{(Ll|Lowercase)\}$' and v_letters then '[:lower:]'
    end;
    if v_token ~* '^\\ud[89a-f]..$' or (v_inside and v_token = ']' and v_before ~ '^\[') then
      return null; -- half of a surrogate pair; an empty class
    elsif v_inside and v_class is not null and v_token ~ '^\\[a-z]' then
      v_written := regexp_replace(v_written, '([^\\])-$', '\1\\-') || v_class;
    elsif v_class is not null and not v_inside then
      v_written := v_written || case when v_token ~ '^\\[A-Z]' then '[^' else '[' end
        || v_class || ']';
    else
      v_written := v_written || case
        when v_token like '\\u{%' then '\U' || lpad(trim(substr(v_token, 4), '}'), 8, '0')
        when v_token like '\\x__' then '\u00' || substr(v_token, 3)
        when v_inside and left(v_token, 1) = '[' then '\' || v_token
        when v_inside and v_token = '-' and v_before ~ '^\\[dwspDWSP]' then '\-'
        when v_inside then v_token
        when v_token in ('\b', '\B') then translate(v_token, 'bB', 'yY')
        when v_token = '.' then '[^\n\r\u2028\u2029]'
        when v_token like '(?<%' then '('
        else v_token end;
    end if;
    v_before := case when v_inside and left(v_token, 1) = '[' then '' else v_token end;
    v_inside := case when v_inside then v_token <> ']' else v_token in ('[', '[^') end;
  end loop;
  return '(?:' || v_written || ')';
end $$;
