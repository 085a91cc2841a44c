-- Up Migration
-- What people say about results of evaluations, beside what graders say.
create table howdah.grades (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  evaluation_id uuid not null,
  evaluation_result_id uuid not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  score float8 not null,
  user_id uuid,
  grader text,
  comment text,
  unique (tenant_id, id),
  constraint a_person_has_one_grade
    unique nulls not distinct (tenant_id, evaluation_result_id, user_id, grader),
  foreign key (tenant_id, evaluation_id)
    references howdah.evaluations (tenant_id, id) on delete cascade,
  foreign key (tenant_id, evaluation_result_id)
    references howdah.evaluation_results (tenant_id, id) on delete cascade,
  foreign key (tenant_id, user_id) references howdah.users (tenant_id, id) on delete cascade,
  constraint score_is_from_0_to_1 check (score between 0 and 1),
  constraint comment_is_not_empty check (btrim(comment) <> ''),
  constraint comment_has_at_most_10000_characters check (length(comment) <= 10000)
);
create index grades_evaluation_id_idx on howdah.grades (tenant_id, evaluation_id, id);
create index grades_user_id_idx on howdah.grades (tenant_id, user_id, id);
alter table howdah.grades enable row level security, force row level security;
comment on table howdah.grades is
  'Grades that people give results of evaluations (howdah.grade), one for each person, result and '
  'grader. howdah.grade_queue has the results that the caller has not graded.';
comment on column howdah.grades.evaluation_id is 'The evaluation.';
comment on column howdah.grades.evaluation_result_id is 'The result.';
comment on column howdah.grades.score is 'From 0 (wrong) to 1 (right).';
comment on column howdah.grades.user_id is
  'Who graded; null for the owner of the database, who has no user.';
comment on column howdah.grades.grader is
  'Name of the grader whose question the person answered; null for the whole result.';
comment on column howdah.grades.comment is 'The reason.';
comment on constraint a_person_has_one_grade on howdah.grades is
  E'@behavior -single\nCall howdah.grade, which replaces the earlier grade.';
comment on constraint score_is_from_0_to_1 on howdah.grades is
  'Set score to a number from 0 to 1.';
comment on constraint comment_is_not_empty on howdah.grades is
  'Write a reason in comment, or leave it out.';
comment on constraint comment_has_at_most_10000_characters on howdah.grades is
  'Shorten the comment to 10000 characters.';

-- Down Migration
drop table howdah.grades;
