import type { Bench } from '../bench.ts';
import { measureRuns, until } from '../data/inserted-runs.ts';
import { figure, ratios } from '../figures.ts';
import type { BenchDatabase } from '../server.ts';
import { GRADED_RUNS, measureGradedRounds } from './graded-rounds.ts';

/** Data sets with their graders: what SQL functions grade, and what a query in a sandbox grades. */
const GRADERS = `
  insert into howdah.datasets (name) values ('answers'), ('effects'), ('beside');
  insert into howdah.graders (dataset_id, name, kind, configuration)
  select id, name || ' ' || kind, kind::howdah.grader_kind, configuration
  from howdah.datasets join (values
    ('answers', 'regex', '{"pattern": "^done$"}'::jsonb), ('answers', 'cost', '{"max": 1}'),
    ('answers', 'latency', '{"max": 1000}'), ('beside', 'regex', '{"pattern": "^done$"}'),
    ('effects', 'sql', '{"query": "select from howdah.steps where execution_id = ($1 ->> ''execution_id'')::uuid"}')
  ) as g (dataset, kind, configuration) on g.dataset = name`;

/**
 * Grades runs that have ended (`howdah.evaluate_runs`), and compares the time with that of the runs
 * themselves. Then grades while other runs are at work, and compares their time with that of runs
 * beside which nothing is graded.
 */
export const grading: Bench = async (context) => {
  const runs: number[] = [];
  const beside: number[] = [];
  const answers: number[] = [];
  const effects: number[] = [];
  await measureGradedRounds(context, context.rounds(3), GRADERS, async (database) => {
    runs.push(await measureRuns(database, GRADED_RUNS));
    answers.push(await measureGrades(database, 'answers'));
    await measureRuns(database, GRADED_RUNS);
    effects.push(await measureGrades(database, 'effects'));
    await measureRuns(database, GRADED_RUNS);
    await startGrades(database, 'beside');
    beside.push(await measureRuns(database, GRADED_RUNS));
    return `${GRADED_RUNS} runs ${runs.at(-1)} ms, beside grades ${beside.at(-1)} ms; grades ${answers.at(-1)} ms, by SQL ${effects.at(-1)} ms`;
  });
  return [
    figure('grading', 'grading_runs_ms', runs, 'ms'),
    figure('grading', 'grading_ms', answers, 'ms'),
    figure('grading', 'grading_sql_ms', effects, 'ms'),
    figure('grading', 'grading_vs_runs_ratio', ratios(answers, runs), 'ratio'),
    figure('grading', 'grading_sql_vs_runs_ratio', ratios(effects, runs), 'ratio'),
    figure('grading', 'runs_beside_grading_ratio', ratios(beside, runs), 'ratio'),
  ];
};

/** Grades all runs that are not graded yet. Returns the milliseconds until the last grade. */
async function measureGrades(database: BenchDatabase, dataset: string): Promise<number> {
  const startedAt = performance.now();
  const id = await startGrades(database, dataset);
  await until(async () => {
    const { rows } = await database.pool.query(
      `select status = 'completed' as is_done from howdah.evaluations where id = $1`,
      [id],
    );
    return rows[0].is_done;
  });
  return Math.round(performance.now() - startedAt);
}

async function startGrades({ pool }: BenchDatabase, dataset: string): Promise<string> {
  const { rows } = await pool.query(`select (howdah.evaluate_runs($1, 'bench', sample => $2)).id`, [
    dataset,
    GRADED_RUNS,
  ]);
  return rows[0].id;
}
