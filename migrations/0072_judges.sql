-- Up Migration
-- Judges: graders of kind `rubric` ask an agent, whose runs are ordinary executions. What a judge
-- said is kept for each answer, so that equal answers are judged once.
comment on type howdah.grader_kind is
  'What a grader looks at. `exact`, `normalized`, `regex`, `json_schema`, `json_fields` and '
  '`numeric` look at the answer, `rubric` asks an agent about it, `citation` looks at its sources, '
  '`sql` at rows of the database, `trajectory` at the calls of tools, `latency` and `cost` at the '
  'run. `similarity` is reserved.';

alter table howdah.evaluation_results add column grading_cost numeric;
comment on column howdah.evaluation_results.grading_cost is
  'Cost of the judges that graded the result, which is no part of the cost of the run.';
comment on column howdah.evaluation_results.scores is
  'What each grader said, by name: {"score": 1, "passed": true, "detail": …}. A judge adds the '
  'execution_id of its run and its cost, or the error for which there is no score.';
comment on column howdah.evaluation_results.passed is
  'Whether the result passed all graders; null until it is graded, if the run was cancelled, and '
  'if a judge failed.';
comment on column howdah.evaluation_results.error is
  'Why the run failed, or why it could not be graded: {code, message}.';
comment on column howdah.evaluations.totals is
  'Figures of the results that are graded: runs, graded, passed, failed, cancelled, not_graded, '
  'score, pass_rate, pass_hat_k, flaky_items, cost, grading_cost, tokens, latency_ms_mean, '
  'latency_ms_p95.';

create table howdah_private.judgements (
  execution_id uuid not null,
  grader text not null,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  judge_execution_id uuid,
  created_at timestamptz not null default clock_timestamp(),
  settled_at timestamptz,
  is_shared boolean not null default false,
  cost numeric not null default 0,
  digest text not null,
  verdict jsonb,
  error text,
  primary key (execution_id, grader),
  constraint verdict_is_an_object check (jsonb_typeof(verdict) = 'object')
);
create index judgements_digest_idx on howdah_private.judgements (tenant_id, digest);
create index judgements_judge_execution_id_idx
  on howdah_private.judgements (judge_execution_id) where judge_execution_id is not null;
alter table howdah_private.judgements enable row level security, force row level security;
comment on table howdah_private.judgements is
  'Runs of judges, by the run and the grader that they grade, and what they said.';
comment on column howdah_private.judgements.execution_id is 'The run that is judged.';
comment on column howdah_private.judgements.grader is 'Name of the grader.';
comment on column howdah_private.judgements.judge_execution_id is
  'The run of the judge; null if it could not be started.';
comment on column howdah_private.judgements.settled_at is
  'Time at which the judge ended; null while it works.';
comment on column howdah_private.judgements.is_shared is
  'Whether the judge was started for an equal answer of another run, which has its cost.';
comment on column howdah_private.judgements.cost is 'Cost of the run of the judge.';
comment on column howdah_private.judgements.digest is
  'SHA-256 of the version of the judge and its input.';
comment on column howdah_private.judgements.verdict is
  'What the judge said: {score or pass, reason}.';
comment on column howdah_private.judgements.error is 'Why there is no verdict.';

-- Down Migration
-- Older workers would let results pass that these graders have not graded. Row-level security
-- applies to the owner as well.
alter table howdah.evaluations no force row level security;
alter table howdah.evaluation_results no force row level security;
do $$
begin
  if exists (
    select from howdah.evaluation_results as r
    join howdah.evaluations as v on v.tenant_id = r.tenant_id and v.id = r.evaluation_id
    where r.graded_at is null and v.graders @? '$[*] ? (@.kind == "rubric" || @.kind == "citation")'
  ) then
    raise exception using errcode = 'HWCNF',
      message = 'results wait for graders of kind rubric or citation, which earlier releases do not have',
      hint = 'Wait until howdah.evaluations has no row with the status running, or cancel these '
        'evaluations and let a worker finish them: select howdah.cancel_evaluation(id).';
  end if;
end $$;
alter table howdah.evaluation_results force row level security;
alter table howdah.evaluations force row level security;
alter table howdah.graders no force row level security;
delete from howdah.graders where kind in ('rubric', 'citation');
alter table howdah.graders force row level security;
drop table howdah_private.judgements;
alter table howdah.evaluation_results drop column grading_cost;
comment on type howdah.grader_kind is
  'What a grader looks at. `exact`, `normalized`, `regex`, `json_schema`, `json_fields` and '
  '`numeric` look at the answer, `sql` at rows of the database, `trajectory` at the calls of '
  'tools, `latency` and `cost` at the run. `similarity`, `citation` and `rubric` are reserved.';
comment on column howdah.evaluation_results.scores is
  'What each grader said, by name: {"score": 1, "passed": true, "detail": …}.';
comment on column howdah.evaluation_results.passed is
  'Whether the result passed all graders; null until it is graded, and if the run was cancelled.';
comment on column howdah.evaluation_results.error is 'Why the run failed: {code, message}.';
comment on column howdah.evaluations.totals is
  'Figures of the results that are graded: runs, graded, passed, failed, cancelled, score, '
  'pass_rate, pass_hat_k, flaky_items, cost, tokens, latency_ms_mean, latency_ms_p95.';
