-- Up Migration
-- The tags of runs: what their metadata contains, one row for each value. The index of jsonb on
-- executions.metadata could serve owners only, since `@>` is not leakproof: under row security
-- Postgres compares the tenant before it. Comparisons of texts and ids are leakproof.
--
-- The order is that of a search: the tenant, what is searched, and then the runs, newest first.
create table howdah_private.run_tags (
  tenant_id uuid not null,
  execution_id uuid not null,
  key text collate "C" not null,
  value text collate "C" not null,
  constraint run_tags_pkey primary key (tenant_id, key, value, execution_id)
);
alter table howdah_private.run_tags enable row level security, force row level security;
comment on table howdah_private.run_tags is
  'Values in the metadata of runs, to search runs by them. Triggers of executions keep the rows. '
  'No foreign keys, which would cost each insert of a run a lookup for each value.';
comment on column howdah_private.run_tags.key is
  'A key at the top of the metadata, or the digest of a long one.';
comment on column howdah_private.run_tags.value is
  'The JSON text of a text, number, boolean or null at that key or within its object or array, or '
  'the digest of a long one. {} and [] say that the value is an object or an array.';

create table howdah_private.backfills (
  name text primary key,
  reached uuid
);
comment on table howdah_private.backfills is
  'Tables that `migrate up` still has to fill with what existed before them, in batches after the '
  'migration. A row is deleted when its table is complete.';
comment on column howdah_private.backfills.name is 'The table to fill, in howdah_private.';
comment on column howdah_private.backfills.reached is
  'The id of the last row that has been read. Null at the beginning.';
insert into howdah_private.backfills (name) values ('run_tags');
alter table howdah_private.backfills enable row level security, force row level security;

-- Down Migration
drop table howdah_private.backfills;
drop table howdah_private.run_tags;
