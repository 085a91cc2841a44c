-- Checks of arguments. A model reads the messages, so each says what is wrong and what is expected.

create function finance.refuse_gaps(name text, amounts numeric[], at_least int) returns void
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(cardinality(amounts), 0) < at_least or array_ndims(amounts) <> 1 or array_position(amounts, null) is not null then
    raise exception using errcode = 'invalid_parameter_value',
      message = format('%s must be a list of at least %s numbers without nulls', name, at_least);
  end if;
end $$;

create function finance.refuse_lengths(name text, length int, other_name text, other_length int) returns void
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  if length <> other_length then
    raise exception using errcode = 'invalid_parameter_value',
      message = format('%s has %s entries and %s has %s: both must have the same number', name, length, other_name, other_length);
  end if;
end $$;

create function finance.refuse_one_sign(cash_flows numeric[]) returns void
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not (0 < any (cash_flows) and 0 > any (cash_flows)) then
    raise exception using errcode = 'invalid_parameter_value',
      message = 'cash_flows needs at least one payment out (negative) and one in (positive)';
  end if;
end $$;

create function finance.refuse_rate(rate numeric) returns void
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not (rate > -1 and rate < 1e6) then
    raise exception using errcode = 'invalid_parameter_value',
      message = 'rate must be a fraction above −1, such as 0.05 for five percent';
  end if;
end $$;

create function finance.refuse_periods(periods int) returns void
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  if periods not between 1 and 1200 then
    raise exception using errcode = 'invalid_parameter_value', message = 'periods must be a whole number from 1 to 1200';
  end if;
end $$;

create function finance.refuse_dates(cash_flows numeric[], dates date[]) returns void
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform finance.refuse_lengths('cash_flows', cardinality(cash_flows), 'dates', cardinality(dates));
  if array_position(dates, null) is not null or dates[1] > any (dates) then
    raise exception using errcode = 'invalid_parameter_value',
      message = 'dates must have a day for each flow, and none before the first';
  end if;
end $$;

create function finance.refuse_no_rate(rate numeric) returns void
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  if rate is null then
    raise exception using errcode = 'invalid_parameter_value',
      message = 'there is no rate between −99.99 % and 1,000,000 % at which the net present value is 0';
  end if;
end $$;

-- Intervals that are searched for a rate, from 0 outwards. So the rate nearest to 0 is found.
create function finance.rate_brackets() returns table (place bigint, low numeric, high numeric)
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select b.place, b.low, b.high
  from unnest(
    array[0, -0.05, 0.05, -0.1, 0.1, -0.2, 0.2, -0.35, 0.35, -0.5, 0.5, -0.75, 1, -0.9, 2, -0.99, 5, -0.9999, 20, 100, 1000],
    array[0.05, 0, 0.1, -0.05, 0.2, -0.1, 0.35, -0.2, 0.5, -0.35, 1, -0.5, 2, -0.75, 5, -0.9, 20, -0.99, 100, 1000, 10000]
  ) with ordinality as b (low, high, place)
$$;
