-- Implements the tool `now`, by the clock of the database, which all workers share.
create or replace function howdah_private.tool_now(arguments jsonb) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_timezone text := coalesce(nullif(btrim(arguments ->> 'timezone'), ''), 'UTC');
  v_at timestamptz := date_trunc('milliseconds', clock_timestamp());
  v_utc timestamp := v_at at time zone 'UTC';
  v_local timestamp;
  v_offset interval;
begin
  perform howdah_private.check_timezone(v_timezone);
  v_local := v_at at time zone v_timezone;
  v_offset := v_local - v_utc;
  return jsonb_build_object(
    'utc', to_char(v_utc, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'timezone', v_timezone,
    'local', to_char(v_local, 'YYYY-MM-DD"T"HH24:MI:SS')
      || case when v_offset < '0' then '-' else '+' end
      || to_char(greatest(v_offset, -v_offset), 'HH24:MI'),
    'weekday',
    (array['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'])[
      extract(isodow from v_local)::int]);
end $$;
