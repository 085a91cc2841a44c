-- Risk of a series of returns (fractions) or values. The oldest is first.

create function finance.volatility(period_returns numeric[], periods_per_year numeric default 252) returns numeric
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform finance.refuse_gaps('period_returns', period_returns, 2);
  return (select trim_scale(round(stddev_samp(r.one) * sqrt(periods_per_year), 10)) from unnest(period_returns) as r (one));
end $$;
comment on function finance.volatility is
  'Annualised volatility: sample standard deviation of the returns of one period × √periods_per_year (252 for trading days, 52 for weeks, 12 for months). Source: Wikipedia, "Volatility (finance)".';

create function finance.sharpe_ratio(
  period_returns numeric[], risk_free_rate numeric default 0, periods_per_year numeric default 252
) returns numeric
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform finance.refuse_gaps('period_returns', period_returns, 2);
  return (
    select trim_scale(round(avg(r.one - risk_free_rate) / stddev_samp(r.one - risk_free_rate) * sqrt(periods_per_year), 10))
    from unnest(period_returns) as r (one));
end $$;
comment on function finance.sharpe_ratio is
  'Annualised Sharpe ratio: mean of (return − risk_free_rate) / sample standard deviation of that difference × √periods_per_year. risk_free_rate is per period. Source: W. F. Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 1994; Wikipedia, "Sharpe ratio".';

create function finance.max_drawdown(portfolio_values numeric[]) returns numeric
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform finance.refuse_gaps('portfolio_values', portfolio_values, 1);
  return (
    select trim_scale(round(min(v.one / v.peak) - 1, 10))
    from (
      select s.one, max(s.one) over (order by s.place) as peak
      from unnest(portfolio_values) with ordinality as s (one, place)
    ) as v);
end $$;
comment on function finance.max_drawdown is
  'Largest fall from a peak to a later trough, as a negative fraction: min(value / highest value until then) − 1. Source: Investopedia, "Maximum Drawdown (MDD)"; Wikipedia, "Drawdown (economics)".';

create function finance.beta(asset_returns numeric[], market_returns numeric[]) returns numeric
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform finance.refuse_gaps('asset_returns', asset_returns, 2), finance.refuse_gaps('market_returns', market_returns, 2);
  perform finance.refuse_lengths('asset_returns', cardinality(asset_returns), 'market_returns', cardinality(market_returns));
  return (
    select trim_scale(round((avg(r.asset * r.market) - avg(r.asset) * avg(r.market))
      / (avg(r.market * r.market) - avg(r.market) * avg(r.market)), 10))
    from unnest(asset_returns, market_returns) as r (asset, market));
end $$;
comment on function finance.beta is
  'Sensitivity of an asset to the market: covariance(asset_returns, market_returns) / variance(market_returns), over the same periods. Source: Wikipedia, "Beta (finance)".';
