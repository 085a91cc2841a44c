-- Usage per value of a key of metadata. A key is free text, so no rollup has it: the function reads
-- the root runs since a time, by their ids. Runs below count with their root.
create or replace function howdah.usage_by(
  key text, unit text default 'day', since timestamptz default null
) returns table (
  period date, value text, runs bigint, completed bigint, failed bigint, tokens_in numeric,
  tokens_out numeric, cost numeric
)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  -- there are no runs before 2000
  v_since constant timestamptz := greatest(
    coalesce(usage_by.since, now() - interval '30 days'), '2000-01-02');
begin
  if usage_by.unit is null or usage_by.unit not in ('day', 'week', 'month', 'year') then
    raise exception using errcode = 'HWINV',
      message = format('unit must be day, week, month or year, not %s',
        coalesce(quote_literal(usage_by.unit), 'null')),
      detail = jsonb_build_object('field', 'unit')::text,
      hint = 'For each week: howdah.usage_by(''customer'', ''week'').';
  elsif coalesce(usage_by.key, '') = '' then
    raise exception using errcode = 'HWINV', message = 'key must name a key of metadata',
      detail = jsonb_build_object('field', 'key')::text,
      hint = 'For runs with metadata {"customer": "…"}: howdah.usage_by(''customer'').';
  end if;
  return query
  select date_trunc(usage_by.unit, e.created_at at time zone 'UTC')::date as period,
    e.metadata ->> usage_by.key as value, count(*), count(*) filter (where e.status = 'completed'),
    count(*) filter (where e.status = 'failed'),
    sum(coalesce(h.tokens_in, e.tokens_in) + e.children_tokens_in),
    sum(coalesce(h.tokens_out, e.tokens_out) + e.children_tokens_out),
    sum(coalesce(h.cost, e.cost) + e.children_cost)
  from howdah.executions as e
  left join howdah_private.run_heads as h on h.execution_id = e.id
  where e.id >= howdah.uuid_v7_floor(v_since - interval '1 day') -- clocks differ
    and e.created_at >= v_since and e.parent_execution_id is null and e.metadata ? usage_by.key
  group by 1, 2 order by 1, 2;
end $$;
comment on function howdah.usage_by(text, text, timestamptz) is
  'Usage per value of a key of metadata and day, week, month or year in UTC, of the last 30 days '
  'or since a time: select * from howdah.usage_by(''customer'', ''week''). Counts root runs '
  'together with the runs below them. Runs without the key, deleted and erased runs do not count.';

-- Returns the seconds from the time at which a run was due to its first claim.
create or replace function howdah.executions_queue_seconds(e howdah.executions) returns float8
  language sql stable
  return extract(epoch from e.started_at - greatest(e.created_at, e.run_at))::float8;
comment on function howdah.executions_queue_seconds(howdah.executions) is
  E'@behavior -filterBy -orderBy\n'
  'Seconds from the time at which the run was due (run_at, or its insert if that is later) to its '
  'first claim. Waits for a turn or a limit count. Null before the first claim.';
