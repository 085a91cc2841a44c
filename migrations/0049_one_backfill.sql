-- Up Migration
-- The rollup of usage is filled like other tables: by `migrate up`, in batches after the migration.
-- Workers of an earlier release may call the same function meanwhile.
alter table howdah_private.usage_backfill no force row level security;
alter table howdah_private.backfills no force row level security;
insert into howdah_private.backfills (name, reached)
select 'usage', b.counted_to from howdah_private.usage_backfill as b where not b.is_done;
alter table howdah_private.backfills force row level security;
drop table howdah_private.usage_backfill;
comment on table howdah_private.backfills is
  'What `migrate up` still has to fill with what existed before, in batches after the migration. A '
  'row is deleted when all is filled. A retry or deletion of a run that the backfill of usage may '
  'reach holds the lock of its row.';
comment on column howdah_private.backfills.name is
  'run_tags, or usage for the rollup of usage.';

-- Down Migration
create table howdah_private.usage_backfill (
  is_current boolean primary key default true,
  counted_to uuid not null default '00000000-0000-0000-0000-000000000000',
  is_done boolean not null default false,
  constraint there_is_one check (is_current)
);
alter table howdah_private.backfills no force row level security;
insert into howdah_private.usage_backfill (counted_to, is_done)
select coalesce(b.reached, case when b.name is null then 'ffffffff-ffff-ffff-ffff-ffffffffffff'
    else '00000000-0000-0000-0000-000000000000' end::uuid), b.name is null
from (values (true)) as n (is_there)
left join howdah_private.backfills as b on b.name = 'usage';
delete from howdah_private.backfills as b where b.name = 'usage';
alter table howdah_private.backfills force row level security;
alter table howdah_private.usage_backfill enable row level security, force row level security;
comment on table howdah_private.usage_backfill is
  'How far runs without counted_steps, which ended before it existed, are counted. One row. A '
  'retry or deletion of such a run holds its lock.';
comment on column howdah_private.usage_backfill.counted_to is
  'Ended runs up to this id are counted.';
comment on table howdah_private.backfills is
  'Tables that `migrate up` still has to fill with what existed before them, in batches after the '
  'migration. A row is deleted when its table is complete.';
comment on column howdah_private.backfills.name is 'The table to fill, in howdah_private.';
