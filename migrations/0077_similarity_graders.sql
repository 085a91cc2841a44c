-- Up Migration
-- Graders of kind `similarity` compare embeddings of the answer and of what is expected.
comment on type howdah.grader_kind is
  'What a grader looks at. `exact`, `normalized`, `regex`, `json_schema`, `json_fields` and '
  '`numeric` look at the answer, `similarity` compares its embedding with that of what is '
  'expected, `rubric` asks an agent about it, `citation` looks at its sources, `sql` at rows of '
  'the database, `trajectory` at the calls of tools, `latency` and `cost` at the run.';
comment on column howdah.evaluation_results.grading_cost is
  'Cost of the judges and embeddings that graded the result, which is no part of the cost of the '
  'run.';
comment on table howdah_private.judgements is
  'Runs of judges and similarities, by the run and the grader that they grade, and what they said.';
comment on column howdah_private.judgements.judge_execution_id is
  'The run of the judge; null if it could not be started, and for a similarity.';
comment on column howdah_private.judgements.settled_at is
  'Time at which the judge ended, or the similarity was known; null while the judge works.';
comment on column howdah_private.judgements.cost is
  'Cost of the run of the judge, or of the embeddings.';
comment on column howdah_private.judgements.digest is
  'SHA-256 of the version of the judge and its input; for a similarity, the digest of the model.';
comment on column howdah_private.judgements.verdict is
  'What the judge said: {score or pass, reason}. A similarity has a score.';
comment on table howdah_private.query_embeddings is
  'Vectors of the last queries, and of texts that graders compared. A worker makes them, since the '
  'database calls no model.';

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
    where r.graded_at is null and v.graders @? '$[*] ? (@.kind == "similarity")'
  ) then
    raise exception using errcode = 'HWCNF',
      message = 'results wait for graders of kind similarity, which earlier releases do not have',
      hint = 'Wait until howdah.evaluations has no row with the status running, or cancel these '
        'evaluations and let a worker finish them: select howdah.cancel_evaluation(id).';
  end if;
end $$;
alter table howdah.evaluation_results force row level security;
alter table howdah.evaluations force row level security;
alter table howdah.graders no force row level security;
delete from howdah.graders where kind = 'similarity';
alter table howdah.graders force row level security;
comment on type howdah.grader_kind is
  'What a grader looks at. `exact`, `normalized`, `regex`, `json_schema`, `json_fields` and '
  '`numeric` look at the answer, `rubric` asks an agent about it, `citation` looks at its sources, '
  '`sql` at rows of the database, `trajectory` at the calls of tools, `latency` and `cost` at the '
  'run. `similarity` is reserved.';
comment on column howdah.evaluation_results.grading_cost is
  'Cost of the judges that graded the result, which is no part of the cost of the run.';
comment on table howdah_private.judgements is
  'Runs of judges, by the run and the grader that they grade, and what they said.';
comment on column howdah_private.judgements.judge_execution_id is
  'The run of the judge; null if it could not be started.';
comment on column howdah_private.judgements.settled_at is
  'Time at which the judge ended; null while it works.';
comment on column howdah_private.judgements.cost is 'Cost of the run of the judge.';
comment on column howdah_private.judgements.digest is
  'SHA-256 of the version of the judge and its input.';
comment on column howdah_private.judgements.verdict is
  'What the judge said: {score or pass, reason}.';
comment on table howdah_private.query_embeddings is
  'Vectors of the last queries. A worker makes them, since the database calls no model.';
