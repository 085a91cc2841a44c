-- Up Migration
-- What stays as fast with a long history and a long queue as without.

-- How far heal_queue has come: it looks at a part of the live runs at a time.
create table howdah_private.queue_sweep (
  status howdah.execution_status primary key,
  is_new_round boolean not null default true,
  tenant_id uuid not null default '00000000-0000-0000-0000-000000000000',
  priority smallint not null default -32768,
  due_at timestamptz not null default '-infinity',
  execution_id uuid not null default '00000000-0000-0000-0000-000000000000'
) with (fillfactor = 50);
insert into howdah_private.queue_sweep (status) values ('queued'), ('waiting');
alter table howdah_private.queue_sweep enable row level security, force row level security;
comment on table howdah_private.queue_sweep is
  'How far the search for runs without a wake-up has come, by status; a row is locked while somebody searches.';

-- Updated with every turn, without touching an index.
alter table howdah.sessions set (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

-- The messages of a session: one key for all of them, which an index stores once per page. With tenant, run and seq in each
-- entry it was seven times as large, and nothing asked for that order: a session is read by way of its runs.
drop index howdah.messages_session_id_idx;
create index messages_session_id_idx on howdah.messages (session_id) where session_id is not null;

-- Down Migration
drop index howdah.messages_session_id_idx;
create index messages_session_id_idx on howdah.messages (tenant_id, session_id, execution_id, seq)
  where session_id is not null;
alter table howdah.sessions reset (fillfactor, autovacuum_vacuum_scale_factor);
drop table howdah_private.queue_sweep;
