-- Up Migration
-- One expression for a row of a watch. While the table has no statistics, conditions on the watch
-- let the planner take the index of lists by watch, and read all rows of the watch for each answer.
create index watched_rows_row_key_idx
  on howdah.watched_rows (md5(table_trigger_id::text || row_key::text), created_at);
drop index howdah.watched_rows_table_trigger_id_idx;

-- Down Migration
create index watched_rows_table_trigger_id_idx
  on howdah.watched_rows (tenant_id, table_trigger_id, md5(row_key::text), created_at);
drop index howdah.watched_rows_row_key_idx;
