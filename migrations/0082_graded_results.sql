-- Up Migration
-- Results whose judge or model failed are graded again (howdah.grade_again), and each result has
-- the day of its run, by which the view quality_by_day reads it.
alter table howdah_private.due_grades
  add column keeps_scores boolean not null default false;
comment on column howdah_private.due_grades.keeps_scores is
  'Whether graders that gave a score are not asked again.';
alter table howdah_private.judgements
  add column earlier_cost numeric not null default 0;
comment on column howdah_private.judgements.earlier_cost is
  'Cost of runs of the judge that gave no grade, a part of cost.';
comment on column howdah_private.judgements.cost is 'Cost of the runs of the judge.';

alter table howdah.evaluation_results
  add column day date not null default (now() at time zone 'UTC')::date;
comment on column howdah.evaluation_results.day is
  'The day in UTC on which the run was inserted. It stays when the run is deleted.';
-- Row-level security applies to the owner as well.
alter table howdah.evaluation_results no force row level security;
alter table howdah.evaluations no force row level security;
update howdah.evaluation_results as r set day = (e.created_at at time zone 'UTC')::date
from howdah.evaluations as e where e.tenant_id = r.tenant_id and e.id = r.evaluation_id;
alter table howdah.evaluations force row level security;
alter table howdah.evaluation_results force row level security;
create index evaluation_results_day_idx on howdah.evaluation_results (tenant_id, day, id);

-- Down Migration
alter table howdah.evaluation_results drop column day;
comment on column howdah_private.judgements.cost is 'Cost of the run of the judge.';
alter table howdah_private.judgements drop column earlier_cost;
alter table howdah_private.due_grades drop column keeps_scores;
