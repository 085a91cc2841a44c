-- Up Migration
-- A worker that is there for some runs only.
alter table howdah_private.workers
  add column only_tenants uuid[],
  add column only_members uuid[],
  add constraint a_scope_has_tenants check (only_members is null or only_tenants is not null);
comment on column howdah_private.workers.only_tenants is 'It takes runs of these tenants only; null: of all.';
comment on column howdah_private.workers.only_members is
  'Of those tenants it takes only runs of these agents and workflows, with all that is below them; null: every run.';

-- Down Migration
alter table howdah_private.workers drop column only_members, drop column only_tenants;
