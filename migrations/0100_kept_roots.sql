-- Up Migration
-- A quota of runs counts those that somebody began, not their children: what was deleted is kept apart as well.
alter table howdah.kept_usage add column roots bigint not null default 0;
comment on column howdah.kept_usage.roots is 'Of the runs those that are no children; a quota that is made later counts them.';

-- Down Migration
alter table howdah.kept_usage drop column roots;
