-- Returns. All amounts have the same currency. Rates are fractions: 0.05 is five percent.

create function finance.simple_return(start_value numeric, end_value numeric, income numeric default 0) returns numeric
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select trim_scale(round((end_value - start_value + income) / start_value, 10)) $$;
comment on function finance.simple_return is
  'Return over one holding period, as a fraction: (end_value − start_value + income) / start_value; income is dividends or interest received. Source: Wikipedia, "Holding period return".';

create function finance.log_return(start_value numeric, end_value numeric) returns numeric
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select trim_scale(round(ln(end_value / start_value), 10)) $$;
comment on function finance.log_return is
  'Logarithmic (continuously compounded) return: ln(end_value / start_value). Source: Wikipedia, "Rate of return", section "Logarithmic or continuously compounded return".';

create function finance.cagr(start_value numeric, end_value numeric, years numeric) returns numeric
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select trim_scale(round(power(end_value / start_value, 1 / years) - 1, 10)) $$;
comment on function finance.cagr is
  'Compound annual growth rate between two values: (end_value / start_value) ^ (1 / years) − 1. Source: Wikipedia, "Compound annual growth rate".';

create function finance.real_return(nominal_return numeric, inflation numeric) returns numeric
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select trim_scale(round((1 + nominal_return) / (1 + inflation) - 1, 10)) $$;
comment on function finance.real_return is
  'Return after inflation: (1 + nominal_return) / (1 + inflation) − 1. Source: Wikipedia, "Fisher equation".';

create function finance.time_weighted_return(period_returns numeric[]) returns numeric
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_growth numeric := 1;
  v_return numeric;
begin
  perform finance.refuse_gaps('period_returns', period_returns, 1);
  foreach v_return in array period_returns loop
    v_growth := round(v_growth * (1 + v_return), 30);
  end loop;
  return trim_scale(round(v_growth - 1, 10));
end $$;
comment on function finance.time_weighted_return is
  'Return over several periods in a row, linked geometrically: (1 + r1) × (1 + r2) × … − 1. Source: Wikipedia, "Time-weighted return".';
