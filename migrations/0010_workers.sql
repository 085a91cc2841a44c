-- Up Migration
create table howdah_private.workers (
  id uuid primary key,
  lock_key int not null unique generated always as identity,
  pool_id text not null,
  host text not null,
  pid int not null,
  release text not null,
  started_at timestamptz not null default clock_timestamp(),
  heartbeat_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50);
alter table howdah_private.workers enable row level security, force row level security;
comment on table howdah_private.workers is
  'Worker processes alive. Presence is a session advisory lock on lock_key; the heartbeat finds the frozen and the cut off.';

create unlogged table howdah_private.watchers (
  listener uuid not null,
  execution_id uuid not null,
  expires_at timestamptz not null,
  primary key (execution_id, listener)
);
create index watchers_listener_idx on howdah_private.watchers (listener);
alter table howdah_private.watchers enable row level security, force row level security;
comment on table howdah_private.watchers is
  'Who listens to which run. Unlogged: after a crash of the server listeners register again.';

-- One row: what was applied from sql/ last, so that an unchanged start does not apply it again.
create table howdah_private.applied_sql (
  is_current boolean primary key default true constraint there_is_one_row check (is_current),
  digest text not null,
  applied_at timestamptz not null default now()
);
alter table howdah_private.applied_sql enable row level security, force row level security;
comment on table howdah_private.applied_sql is 'The digest of the replaceable objects in force.';

-- Down Migration
drop table howdah_private.applied_sql;
drop table howdah_private.watchers;
drop table howdah_private.workers;
