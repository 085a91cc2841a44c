-- Up Migration
-- Months whose runs nobody keeps any more go as a whole: closed, archived if that is wanted, detached, dropped.
create table howdah_private.closed_months (
  month date primary key,
  first_id uuid not null,
  next_id uuid not null,
  runs bigint not null,
  cleared_to uuid,
  archive text,
  closed_at timestamptz not null default now(),
  dropped_at timestamptz,
  constraint months_are_named_by_their_first_day check (extract(day from month) = 1)
);
alter table howdah_private.closed_months enable row level security, force row level security;
comment on table howdah_private.closed_months is
  'Months that are to be dropped, or were: their runs are counted in kept_usage and kept_steps, and in no view beside these.';
comment on column howdah_private.closed_months.first_id is 'The smallest id of the month.';
comment on column howdah_private.closed_months.next_id is 'The smallest id of the month after it.';
comment on column howdah_private.closed_months.runs is 'How many runs there were when it was closed.';
comment on column howdah_private.closed_months.cleared_to is 'How far what stands beside its runs is deleted.';
comment on column howdah_private.closed_months.archive is 'Where it was archived; null: nowhere.';
comment on column howdah_private.closed_months.dropped_at is 'When its partitions were dropped; null until they are.';

alter table howdah.retention_policies add column is_by_month boolean not null default false;
comment on column howdah.retention_policies.is_by_month is
  'Runs are deleted with their whole month, up to a month later than keep_runs_days says, and at no cost however many there are. False: each on its day.';

-- Down Migration
alter table howdah.retention_policies drop column is_by_month;
drop table howdah_private.closed_months;
