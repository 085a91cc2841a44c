-- Up Migration
-- A watch records the runs that it cannot start.
alter table howdah.table_triggers
  add column on_refusal text not null default 'record',
  add constraint on_refusal_is_record_or_raise check (on_refusal in ('record', 'raise'));
comment on column howdah.table_triggers.on_refusal is
  'What happens to a row whose run is refused: record (a failed run with the error start_refused '
  'tells why, and the statement passes) or raise (the statement fails).';

-- Down Migration
alter table howdah.table_triggers
  drop constraint on_refusal_is_record_or_raise,
  drop column on_refusal;
