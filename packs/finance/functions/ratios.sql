-- Ratios of financial statements. All amounts have the same currency and unit, such as millions.

create function finance.current_ratio(current_assets numeric, current_liabilities numeric) returns numeric
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select trim_scale(round(current_assets / current_liabilities, 10)) $$;
comment on function finance.current_ratio is
  'Liquidity: current_assets / current_liabilities. Source: Investopedia, "Current Ratio"; Wikipedia, "Current ratio".';

create function finance.quick_ratio(current_assets numeric, inventory numeric, current_liabilities numeric) returns numeric
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select trim_scale(round((current_assets - inventory) / current_liabilities, 10)) $$;
comment on function finance.quick_ratio is
  'Liquidity without stock (acid test): (current_assets − inventory) / current_liabilities. Source: Wikipedia, "Quick ratio".';

create function finance.cash_ratio(cash_and_equivalents numeric, current_liabilities numeric) returns numeric
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select trim_scale(round(cash_and_equivalents / current_liabilities, 10)) $$;
comment on function finance.cash_ratio is
  'Liquidity of cash alone: cash_and_equivalents / current_liabilities. Source: Investopedia, "Cash Ratio".';

create function finance.debt_to_equity(total_liabilities numeric, shareholders_equity numeric) returns numeric
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select trim_scale(round(total_liabilities / shareholders_equity, 10)) $$;
comment on function finance.debt_to_equity is
  'Leverage: total_liabilities / shareholders_equity. Source: Investopedia, "Debt-to-Equity (D/E) Ratio".';

create function finance.debt_ratio(total_liabilities numeric, total_assets numeric) returns numeric
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select trim_scale(round(total_liabilities / total_assets, 10)) $$;
comment on function finance.debt_ratio is
  'Leverage: the part of assets financed by liabilities, total_liabilities / total_assets. Source: Wikipedia, "Debt ratio".';

create function finance.interest_coverage(ebit numeric, interest_expense numeric) returns numeric
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select trim_scale(round(ebit / interest_expense, 10)) $$;
comment on function finance.interest_coverage is
  'Leverage: operating earnings as a multiple of the interest, ebit / interest_expense. Source: Wikipedia, "Times interest earned".';

create function finance.gross_margin(revenue numeric, cost_of_goods_sold numeric) returns numeric
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select trim_scale(round((revenue - cost_of_goods_sold) / revenue, 10)) $$;
comment on function finance.gross_margin is
  'Profitability: (revenue − cost_of_goods_sold) / revenue, as a fraction. Source: Wikipedia, "Gross margin".';

create function finance.operating_margin(operating_income numeric, revenue numeric) returns numeric
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select trim_scale(round(operating_income / revenue, 10)) $$;
comment on function finance.operating_margin is
  'Profitability: operating_income / revenue, as a fraction. Source: Wikipedia, "Operating margin".';

create function finance.net_margin(net_income numeric, revenue numeric) returns numeric
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select trim_scale(round(net_income / revenue, 10)) $$;
comment on function finance.net_margin is
  'Profitability: net_income / revenue, as a fraction. Source: Wikipedia, "Profit margin".';

create function finance.return_on_assets(net_income numeric, total_assets numeric) returns numeric
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select trim_scale(round(net_income / total_assets, 10)) $$;
comment on function finance.return_on_assets is
  'Profitability: net_income / total_assets, as a fraction. Source: Wikipedia, "Return on assets".';

create function finance.return_on_equity(net_income numeric, shareholders_equity numeric) returns numeric
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select trim_scale(round(net_income / shareholders_equity, 10)) $$;
comment on function finance.return_on_equity is
  'Profitability: net_income / shareholders_equity, as a fraction. Source: Wikipedia, "Return on equity".';

create function finance.earnings_per_share(net_income numeric, preferred_dividends numeric, weighted_shares numeric) returns numeric
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select trim_scale(round((net_income - preferred_dividends) / weighted_shares, 10)) $$;
comment on function finance.earnings_per_share is
  'Valuation: (net_income − preferred_dividends) / weighted average number of shares. Source: Wikipedia, "Earnings per share".';

create function finance.price_earnings_ratio(share_price numeric, earnings_per_share numeric) returns numeric
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select trim_scale(round(share_price / earnings_per_share, 10)) $$;
comment on function finance.price_earnings_ratio is
  'Valuation: share_price / earnings_per_share (P/E). Source: Wikipedia, "Price–earnings ratio".';

create function finance.price_to_book(share_price numeric, book_value_per_share numeric) returns numeric
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select trim_scale(round(share_price / book_value_per_share, 10)) $$;
comment on function finance.price_to_book is
  'Valuation: share_price / book_value_per_share (P/B). Source: Wikipedia, "P/B ratio".';

create function finance.dividend_yield(dividend_per_share numeric, share_price numeric) returns numeric
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select trim_scale(round(dividend_per_share / share_price, 10)) $$;
comment on function finance.dividend_yield is
  'Valuation: dividends of a year per share / share_price, as a fraction. Source: Wikipedia, "Dividend yield".';

create function finance.ev_to_ebitda(market_capitalization numeric, total_debt numeric, cash_and_equivalents numeric, ebitda numeric) returns numeric
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select trim_scale(round((market_capitalization + total_debt - cash_and_equivalents) / ebitda, 10)) $$;
comment on function finance.ev_to_ebitda is
  'Valuation: enterprise value (market_capitalization + total_debt − cash_and_equivalents) / ebitda. Source: Wikipedia, "EV/Ebitda"; Investopedia, "Enterprise Multiple".';
