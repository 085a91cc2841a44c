-- Up Migration
-- What deleted runs used is also kept for whom they ran, so that a quota that is made later counts it.
create table howdah_private.kept_subjects (
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  scope howdah.quota_scope not null,
  subject_id uuid not null,
  day date not null,
  roots bigint not null,
  tokens bigint not null,
  cost numeric not null,
  primary key (tenant_id, scope, subject_id, day),
  constraint kept_figures_are_of_a_user_or_a_session check (scope in ('user', 'session'))
);
alter table howdah_private.kept_subjects enable row level security, force row level security;
comment on table howdah_private.kept_subjects is
  'What users and sessions used in runs that are deleted by now, per day; quotas that are made later count it. It goes with the user or session.';
comment on column howdah_private.kept_subjects.scope is 'Whether it is a user or a session.';
comment on column howdah_private.kept_subjects.subject_id is 'The user or session the runs counted for.';
comment on column howdah_private.kept_subjects.day is 'The day in UTC on which the runs were inserted.';
comment on column howdah_private.kept_subjects.roots is 'How many runs, without children and without those that took effects back.';
comment on column howdah_private.kept_subjects.tokens is 'In and out, of children too.';

-- Down Migration
drop table howdah_private.kept_subjects;
