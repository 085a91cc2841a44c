-- Up Migration
-- Live lists of watched rows read the rows that were changed after a time. Rows from before this
-- migration have no such time until they change, so the index begins empty.

alter table howdah.watched_rows add column updated_at timestamptz;
alter table howdah.watched_rows alter column updated_at set default clock_timestamp();
create index watched_rows_updated_at_idx on howdah.watched_rows (tenant_id, updated_at)
  where updated_at is not null;
comment on column howdah.watched_rows.updated_at is
  'Time of the last change, read when the row is written and not when the transaction began. Null '
  'for a row that was last changed before this column existed.';

-- Down Migration
drop index howdah.watched_rows_updated_at_idx;
alter table howdah.watched_rows drop column updated_at;
