-- Up Migration
-- What stays as fast with a long history and a long queue as without.

-- Where heal_queue goes on: it looks at a part of the live runs at a time.
create table howdah_private.queue_sweep (
  is_only boolean primary key default true constraint there_is_one_row check (is_only),
  after_status howdah.execution_status not null default 'queued',
  after_id uuid not null default '00000000-0000-0000-0000-000000000000'
);
insert into howdah_private.queue_sweep default values;
alter table howdah_private.queue_sweep enable row level security, force row level security;
comment on table howdah_private.queue_sweep is
  'How far the search for runs without a wake-up has come. One row; it is locked while somebody searches.';

-- Rows that are updated in place again and again, without touching an index.
alter table howdah.sessions set (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
alter table howdah_private.queue_sweep set (fillfactor = 50);

-- Down Migration
alter table howdah.sessions reset (fillfactor, autovacuum_vacuum_scale_factor);
drop table howdah_private.queue_sweep;
