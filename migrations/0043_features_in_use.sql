-- Up Migration
-- Remembers whether there have ever been settings, input filters and limits of runs. A first insert
-- of a connection then need not open these tables, which have 22 indexes.

alter table howdah_private.installation
  add column has_settings boolean not null default true,
  add column has_input_filters boolean not null default true,
  add column has_run_limits boolean not null default true;
comment on table howdah_private.installation is
  'One row: random values that differ per database, and the features that have been used.';
comment on column howdah_private.installation.has_settings is
  'False until the first row of settings is written.';
comment on column howdah_private.installation.has_input_filters is
  'False until the first row of output_filters is written, whose filters may apply to inputs too.';
comment on column howdah_private.installation.has_run_limits is
  'False until the first limit is written, of any metric.';

-- Row-level security applies to the owner as well, and its policies are applied after migrations.
alter table howdah_private.installation no force row level security;
alter table howdah.settings no force row level security;
alter table howdah.output_filters no force row level security;
alter table howdah.limits no force row level security;
update howdah_private.installation set
  has_settings = exists (select from howdah.settings),
  has_input_filters = exists (select from howdah.output_filters),
  has_run_limits = exists (select from howdah.limits);
alter table howdah_private.installation force row level security;
alter table howdah.settings force row level security;
alter table howdah.output_filters force row level security;
alter table howdah.limits force row level security;

-- Down Migration
alter table howdah_private.installation
  drop column has_settings,
  drop column has_input_filters,
  drop column has_run_limits;
comment on table howdah_private.installation is 'One row: random values that differ per database.';
