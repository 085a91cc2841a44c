-- Cash flows. Payments are negative, receipts are positive. Periods are equal unless there are
-- dates. Rates are fractions per period.

create function finance.npv(rate numeric, cash_flows numeric[], first_period int default 0) returns numeric
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_value numeric := 0;
begin
  perform finance.refuse_gaps('cash_flows', cash_flows, 1), finance.refuse_rate(rate);
  for v_place in reverse cardinality(cash_flows)..1 loop -- Horner's method: no powers
    v_value := round(v_value / (1 + rate), 40) + cash_flows[v_place];
  end loop;
  return trim_scale(round(v_value / power(1 + rate, first_period), 10));
end $$;
comment on function finance.npv is
  'Net present value: Σ cash_flows[i] / (1 + rate) ^ (first_period + i), i from 0. The first flow is now (first_period 0); with first_period 1 it is at the end of the first period, as in NPV of Excel. Source: Wikipedia, "Net present value"; Microsoft Excel documentation, "NPV function".';

create function finance.xnpv(rate numeric, cash_flows numeric[], dates date[]) returns numeric
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform finance.refuse_gaps('cash_flows', cash_flows, 1), finance.refuse_rate(rate),
    finance.refuse_dates(cash_flows, dates);
  return (
    select trim_scale(round(sum(f.amount / power(1 + rate, (f.day - dates[1]) / 365.0)), 10))
    from unnest(cash_flows, dates) as f (amount, day));
end $$;
comment on function finance.xnpv is
  'Net present value of flows on given days: Σ cash_flows[i] / (1 + rate) ^ ((dates[i] − dates[1]) / 365); rate is per year, no day is before the first. Source: Microsoft Excel documentation, "XNPV function".';

create function finance.irr(cash_flows numeric[]) returns numeric
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_low numeric;
  v_high numeric;
  v_middle numeric;
begin
  perform finance.refuse_gaps('cash_flows', cash_flows, 2), finance.refuse_one_sign(cash_flows);
  select b.low, b.high into v_low, v_high from finance.rate_brackets() as b
  where sign(finance.npv(b.low, cash_flows)) <> sign(finance.npv(b.high, cash_flows))
  order by b.place limit 1;
  perform finance.refuse_no_rate(v_low);
  for v_round in 1..200 loop -- bisection, which always converges
    v_middle := round((v_low + v_high) / 2, 20);
    exit when v_high - v_low < 1e-12;
    if sign(finance.npv(v_low, cash_flows)) = sign(finance.npv(v_middle, cash_flows)) then
      v_low := v_middle;
    else
      v_high := v_middle;
    end if;
  end loop;
  return trim_scale(round(v_middle, 10));
end $$;
comment on function finance.irr is
  'Internal rate of return per period: the rate at which the net present value of cash_flows is 0; if there are several, the one nearest to 0. Needs a negative and a positive flow. Source: Wikipedia, "Internal rate of return"; Microsoft Excel documentation, "IRR function".';

create function finance.xirr(cash_flows numeric[], dates date[]) returns numeric
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_low numeric;
  v_high numeric;
  v_middle numeric;
begin
  perform finance.refuse_gaps('cash_flows', cash_flows, 2), finance.refuse_one_sign(cash_flows),
    finance.refuse_dates(cash_flows, dates);
  select b.low, b.high into v_low, v_high from finance.rate_brackets() as b
  where sign(finance.xnpv(b.low, cash_flows, dates)) <> sign(finance.xnpv(b.high, cash_flows, dates))
  order by b.place limit 1;
  perform finance.refuse_no_rate(v_low);
  for v_round in 1..200 loop
    v_middle := round((v_low + v_high) / 2, 20);
    exit when v_high - v_low < 1e-12;
    if sign(finance.xnpv(v_low, cash_flows, dates)) = sign(finance.xnpv(v_middle, cash_flows, dates)) then
      v_low := v_middle;
    else
      v_high := v_middle;
    end if;
  end loop;
  return trim_scale(round(v_middle, 10));
end $$;
comment on function finance.xirr is
  'Internal rate of return per year of flows on given days: the rate at which xnpv is 0; if there are several, the one nearest to 0. Needs a negative and a positive flow. Source: Microsoft Excel documentation, "XIRR function".';

create function finance.payback_period(cash_flows numeric[], rate numeric default 0) returns numeric
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_balance numeric := 0;
  v_flow numeric;
begin
  perform finance.refuse_gaps('cash_flows', cash_flows, 1), finance.refuse_rate(rate);
  for v_period in 0..cardinality(cash_flows) - 1 loop
    v_flow := round(cash_flows[v_period + 1] / power(1 + rate, v_period), 20);
    if v_balance < 0 and v_balance + v_flow >= 0 then
      return trim_scale(round(v_period - 1 - v_balance / v_flow, 10));
    end if;
    v_balance := v_balance + v_flow;
  end loop;
  if v_balance >= 0 then
    return 0;
  end if;
  raise exception using errcode = 'invalid_parameter_value', message = 'the flows never pay back the investment';
end $$;
comment on function finance.payback_period is
  'Number of periods until the flows have paid back the investment. The first flow is now; within a period, money is received evenly. With a rate, the discounted payback period. Source: Wikipedia, "Payback period" and "Discounted payback period".';

create function finance.loan_payment(principal numeric, rate numeric, periods int) returns numeric
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform finance.refuse_rate(rate), finance.refuse_periods(periods);
  return trim_scale(round(case when rate = 0 then principal / periods
    else principal * rate / (1 - power(1 + rate, -periods)) end, 10));
end $$;
comment on function finance.loan_payment is
  'Payment per period that repays a loan (annuity): principal × rate / (1 − (1 + rate) ^ −periods). rate is per period: a yearly rate / 12 for months. Source: Wikipedia, "Amortization calculator"; Microsoft Excel documentation, "PMT function".';

create function finance.loan_schedule(principal numeric, rate numeric, periods int)
  returns table (period int, payment numeric, interest numeric, repayment numeric, balance numeric)
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_payment numeric := round(finance.loan_payment(principal, rate, periods), 2);
begin
  balance := principal;
  for v_period in 1..periods loop
    period := v_period;
    interest := round(balance * rate, 2);
    -- the last payment settles the differences of rounding
    payment := case when v_period = periods then balance + interest else v_payment end;
    repayment := payment - interest;
    balance := balance - repayment;
    return next;
  end loop;
end $$;
comment on function finance.loan_schedule is
  'Schedule of a loan by period, rounded to hundredths: payment, interest (rate × balance), repayment, and balance after it. The last payment settles the differences of rounding. rate is per period. Source: Wikipedia, "Amortization schedule".';

create function finance.future_value(present_value numeric, rate numeric, periods int, payment numeric default 0) returns numeric
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform finance.refuse_rate(rate);
  return trim_scale(round(present_value * power(1 + rate, periods)
    + payment * case when rate = 0 then periods else (power(1 + rate, periods) - 1) / rate end, 10));
end $$;
comment on function finance.future_value is
  'Future value of present_value, and of payment at the end of each period: present_value × (1 + rate) ^ periods + payment × ((1 + rate) ^ periods − 1) / rate. Source: Wikipedia, "Future value"; Microsoft Excel documentation, "FV function".';

create function finance.present_value(payment numeric, rate numeric, periods int, future_value numeric default 0) returns numeric
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform finance.refuse_rate(rate);
  return trim_scale(round(future_value / power(1 + rate, periods)
    + payment * case when rate = 0 then periods else (1 - power(1 + rate, -periods)) / rate end, 10));
end $$;
comment on function finance.present_value is
  'Present value of payments at the end of each period, and of future_value after the last one: payment × (1 − (1 + rate) ^ −periods) / rate + future_value / (1 + rate) ^ periods. Source: Wikipedia, "Present value"; Microsoft Excel documentation, "PV function".';
