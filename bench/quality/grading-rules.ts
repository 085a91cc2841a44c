import type { Bench } from '../bench.ts';
import { measureRuns, until } from '../data/inserted-runs.ts';
import { figure, ratios } from '../figures.ts';
import type { BenchDatabase } from '../server.ts';
import { GRADED_RUNS, measureGradedRounds } from './graded-rounds.ts';

/** Graders of answers, and one that asks what the business knows about a run by now. */
const GRADERS = `
  insert into howdah.datasets (name) values ('answers'), ('outcomes');
  insert into howdah.graders (dataset_id, name, kind, configuration)
  select id, name || ' ' || kind, kind::howdah.grader_kind, configuration
  from howdah.datasets join (values
    ('answers', 'regex', '{"pattern": "^done$"}'::jsonb), ('answers', 'cost', '{"max": 1}'),
    ('answers', 'latency', '{"max": 1000}'),
    ('outcomes', 'sql', '{"query": "select from public.outcomes where id = ($1 ->> ''execution_id'')::uuid and not reopened"}')
  ) as g (dataset, kind, configuration) on g.dataset = name;
  create table public.outcomes (id uuid primary key, reopened boolean not null);
  grant select on public.outcomes to howdah_app`;

/**
 * Grades live runs by rules: at once by graders of answers, and by outcomes that arrive after the
 * end of the runs. Compares the time for each run with that of the run itself, and the time of runs
 * beside both rules with that of runs beside none.
 */
export const gradingRules: Bench = async (context) => {
  const runs: number[] = [];
  const answers: number[] = [];
  const outcomes: number[] = [];
  const beside: number[] = [];
  await measureGradedRounds(context, context.rounds(3), GRADERS, async (database) => {
    runs.push((await measureRuns(database, GRADED_RUNS)) / GRADED_RUNS);
    answers.push(await measureRule(database, 'answers'));
    await reportOutcomes(database);
    outcomes.push(await measureRule(database, 'outcomes'));
    await measureRuns(database, GRADED_RUNS);
    await reportOutcomes(database);
    const started = await startedEvaluations(database);
    await database.pool.query('update howdah.grading_rules set sample = sample - 1'); // due at once
    await until(async () => (await startedEvaluations(database)) === started + 2);
    beside.push((await measureRuns(database, GRADED_RUNS)) / GRADED_RUNS);
    return `ms per run: ${runs.at(-1)}, beside rules ${beside.at(-1)}; graded by a rule ${answers.at(-1)}, by outcomes ${outcomes.at(-1)}`;
  });
  return [
    figure('grading-rules', 'grading_rule_ms_per_run', answers, 'ms'),
    figure('grading-rules', 'grading_outcome_ms_per_run', outcomes, 'ms'),
    figure('grading-rules', 'grading_rule_vs_runs_ratio', ratios(answers, runs), 'ratio'),
    figure('grading-rules', 'grading_outcome_vs_runs_ratio', ratios(outcomes, runs), 'ratio'),
    figure('grading-rules', 'runs_beside_rules_ratio', ratios(beside, runs), 'ratio'),
  ];
};

/** Reports the outcome of each run, as the business does after the end. */
async function reportOutcomes({ pool }: BenchDatabase): Promise<void> {
  await pool.query(
    `insert into public.outcomes (id, reopened)
     select e.id, false from howdah.executions as e where e.completed_at is not null
     on conflict (id) do nothing`,
  );
}

/**
 * Inserts a rule, and returns the milliseconds per graded run, from the start of the evaluation
 * until its last grade.
 */
async function measureRule(database: BenchDatabase, dataset: string): Promise<number> {
  await database.pool.query(
    `insert into howdah.grading_rules (name, dataset_id, agent_id, sample)
     select d.name, d.id, howdah.agent('bench'), 10000 from howdah.datasets as d where d.name = $1`,
    [dataset],
  );
  await until(async () => (await gradedBy(database, dataset)) >= GRADED_RUNS);
  const { rows } = await database.pool.query(
    `select (extract(epoch from v.completed_at - v.created_at) * 1000 / v.items)::float8 as ms
     from howdah.evaluations as v join howdah.datasets as d on d.id = v.dataset_id
     where d.name = $1`,
    [dataset],
  );
  return rows[0].ms;
}

async function startedEvaluations({ pool }: BenchDatabase): Promise<number> {
  return (await pool.query('select count(*)::int as n from howdah.evaluations')).rows[0].n;
}

/** Returns the number of runs in completed evaluations of a rule. */
async function gradedBy({ pool }: BenchDatabase, dataset: string): Promise<number> {
  const { rows } = await pool.query(
    `select coalesce(sum(v.items), 0)::int as graded
     from howdah.evaluations as v join howdah.datasets as d on d.id = v.dataset_id
     where d.name = $1 and v.status = 'completed'`,
    [dataset],
  );
  return rows[0].graded;
}
