-- Cron expressions, parsed into sorted arrays of values. A refusal names the wrong field and the
-- reason.

create or replace function howdah_private.raise_cron(message text, part text, value text)
  returns void
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWINV',
    message = 'cron: ' || raise_cron.message,
    detail = jsonb_build_object(
      'field', 'cron', 'part', raise_cron.part, 'value', raise_cron.value)::text,
    hint = 'Write five fields: minute hour day-of-month month day-of-week. ''0 9 * * MON-FRI'' is '
      'nine o''clock on weekdays, ''*/15 * * * *'' is every quarter of an hour. @hourly, @daily, '
      '@weekly, @monthly and @yearly work as well.';
end $$;

-- Parses one number or name of a field. Refuses any other text and values that are out of bounds.
create or replace function howdah_private.cron_value(part text, value text, low int, high int)
  returns int
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_names constant text[] := case cron_value.part
    when 'month' then '{JAN,FEB,MAR,APR,MAY,JUN,JUL,AUG,SEP,OCT,NOV,DEC}'
    when 'day-of-week' then '{SUN,MON,TUE,WED,THU,FRI,SAT}' end;
  v_value int := case when cron_value.value ~ '^\d+$' then cron_value.value::int
    else array_position(v_names, cron_value.value) - 1 + low end;
begin
  if v_value is null then
    perform howdah_private.raise_cron(format('%s %L is not a number%s', part, value,
      coalesce(' or one of ' || array_to_string(v_names, ', '), '')), part, value);
  elsif v_value not between low and high then
    perform howdah_private.raise_cron(
      format('%s %s is not between %s and %s', part, v_value, low, high), part, value);
  end if;
  return v_value;
end $$;

-- Parses one field into its values. Sunday is 0 and 7; FRI-SUN ends with 7. A step wider than the
-- range of the field would match a single value, so it is refused.
create or replace function howdah_private.cron_field(part text, field text) returns int[]
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_low constant int := case when cron_field.part in ('day-of-month', 'month') then 1 else 0 end;
  v_high constant int := case cron_field.part when 'minute' then 59 when 'hour' then 23
    when 'day-of-month' then 31 when 'month' then 12 else 7 end;
  v_range constant int := case cron_field.part when 'day-of-week' then 7
    else v_high - v_low + 1 end;
  v_piece text;
  v_found text[];
  v_from int;
  v_to int;
  v_step int;
  v_values int[] := '{}';
begin
  foreach v_piece in array string_to_array(upper(cron_field.field), ',') loop
    v_found := regexp_match(v_piece,
      '^(?:(\*)|(\d{1,4}|[A-Z]{3})(?:-(\d{1,4}|[A-Z]{3}))?)(?:/(\d{1,4}))?$');
    if v_found is null then
      perform howdah_private.raise_cron(case
        when v_piece = '' then format('%s %L has an empty item', part, field)
        when v_piece ~ '^L(W|-\d+)?$|^\d+[LW]$|^[A-Z]{3}L$|[#?]'
          then format('%s %L: L, W, # and ? are not supported', part, v_piece)
        else format('%s %L is not a number, name, range or step', part, v_piece)
      end, part, v_piece);
    end if;
    v_step := coalesce(v_found[4]::int, 1);
    v_from := case when v_found[1] is null
      then howdah_private.cron_value(part, v_found[2], v_low, v_high) else v_low end;
    v_to := case
      when v_found[3] is not null
        then howdah_private.cron_value(part, v_found[3], v_low, v_high)
      when v_found[1] is null and v_found[4] is null then v_from
      when part = 'day-of-week' then 6 else v_high end;
    if part = 'day-of-week' and v_to = 0 and v_from > 0 then
      v_to := 7;
    end if;
    if v_step not between 1 and v_range then
      perform howdah_private.raise_cron(format('the step of %s %L is not between 1 and %s',
        part, v_piece, v_range), part, v_piece);
    elsif v_from > v_to then
      perform howdah_private.raise_cron(format('%s %L runs backwards: write %s-%s,%s-%s',
        part, v_piece, v_from, v_high, v_low, v_to), part, v_piece);
    end if;
    v_values := v_values || array(
      select case part when 'day-of-week' then n % 7 else n end
      from generate_series(v_from, v_to, v_step) as n);
  end loop;
  return array(select distinct v from unnest(v_values) as v order by v);
end $$;

-- Parses the whole expression.
--   is_either: both day fields are restricted, so a match of one of them suffices. A field that
--     begins with a star restricts nothing, as in Vixie cron.
--   is_interval: the hours are a star, a step over all hours, or all 24; see cron_moments.
create or replace function howdah_private.parse_cron(
  cron text, out minutes int[], out hours int[], out days int[], out months int[],
  out weekdays int[],
  out is_either boolean, out is_interval boolean
)
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_cron text := lower(btrim(parse_cron.cron, E' \t\n\r'));
  v_fields text[];
begin
  if v_cron is null or v_cron = '' then
    perform howdah_private.raise_cron('the expression is missing', null, parse_cron.cron);
  elsif length(v_cron) > 1000 then
    perform howdah_private.raise_cron(
      format('the expression has %s characters, at most 1000 are allowed', length(v_cron)),
      null, left(v_cron, 100));
  end if;
  v_fields := regexp_split_to_array(case v_cron
    when '@hourly' then '0 * * * *' when '@daily' then '0 0 * * *' when '@midnight' then '0 0 * * *'
    when '@weekly' then '0 0 * * 0' when '@monthly' then '0 0 1 * *'
    when '@yearly' then '0 0 1 1 *' when '@annually' then '0 0 1 1 *' else v_cron end, '\s+');
  if v_cron ~ '^@' and cardinality(v_fields) = 1 then
    perform howdah_private.raise_cron(format('%L is not known', v_cron), null, v_cron);
  elsif cardinality(v_fields) <> 5 then
    perform howdah_private.raise_cron(format('%L has %s field%s, not five', v_cron,
      cardinality(v_fields),
      case when cardinality(v_fields) > 1 then 's' else '' end), null, v_cron);
  end if;
  minutes := howdah_private.cron_field('minute', v_fields[1]);
  hours := howdah_private.cron_field('hour', v_fields[2]);
  days := howdah_private.cron_field('day-of-month', v_fields[3]);
  months := howdah_private.cron_field('month', v_fields[4]);
  weekdays := howdah_private.cron_field('day-of-week', v_fields[5]);
  is_either := v_fields[3] !~ '^\*' and v_fields[5] !~ '^\*';
  is_interval := v_fields[2] ~ '^\*' or cardinality(hours) = 24;
end $$;

-- Refuses a time zone that is not a name of pg_timezone_names. Reading that view takes many
-- milliseconds. So a name that can only be a full zone name is tried by a conversion first: a POSIX
-- rule has digits, and an abbreviation has no slash.
create or replace function howdah_private.check_timezone(timezone text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_like text;
begin
  if check_timezone.timezone ~ '^(UTC|[A-Z][A-Za-z]+(/[A-Z][A-Za-z_-]+)+)$' then
    begin
      perform now() at time zone check_timezone.timezone;
      return;
    exception when invalid_parameter_value then
      null; -- the query below looks for a similar name
    end;
  elsif exists (
    select from pg_catalog.pg_timezone_names as z where z.name = check_timezone.timezone
  ) then
    return;
  end if;
  select z.name into v_like from pg_catalog.pg_timezone_names as z
  where lower(regexp_replace(z.name, '^.*/', ''))
    = lower(regexp_replace(replace(btrim(check_timezone.timezone), ' ', '_'), '^.*/', ''))
  order by z.name limit 1;
  raise exception using errcode = 'HWINV',
    message = case when check_timezone.timezone is null then 'timezone is missing'
      else format('timezone %L is not known', check_timezone.timezone) end,
    detail = jsonb_build_object('field', 'timezone', 'value', check_timezone.timezone)::text,
    hint = coalesce('Did you mean ''' || v_like || '''?',
      'Use a name of pg_timezone_names, for example ''Europe/Berlin'' or ''UTC''.');
end $$;
