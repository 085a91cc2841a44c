import type { Bench } from '../bench.ts';
import { measureRuns, until } from '../data/inserted-runs.ts';
import { dataSize } from '../data-sizes.ts';
import { figure, ratios } from '../figures.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';
import type { BenchDatabase } from '../server.ts';

const RUNS = dataSize('GRADED_RUNS');
const SLOTS = 100;
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
export const grading: Bench = async ({ server, rounds, talk }) => {
  const runs: number[] = [];
  const beside: number[] = [];
  const answers: number[] = [];
  const effects: number[] = [];
  for (let round = 1; round <= rounds(3); round += 1) {
    const database = await server.createDatabase();
    const worker = await startEngine({ url: database.url, concurrency: SLOTS });
    try {
      await database.pool.query(BENCH_AGENT);
      await database.pool.query(GRADERS);
      await measureRuns(database, Math.round(RUNS / 4)); // warms up
      runs.push(await measureRuns(database, RUNS));
      answers.push(await measureGrades(database, 'answers'));
      await measureRuns(database, RUNS);
      effects.push(await measureGrades(database, 'effects'));
      await measureRuns(database, RUNS);
      await startGrades(database, 'beside');
      beside.push(await measureRuns(database, RUNS));
      talk(
        `round ${round} of ${rounds(3)}: ${RUNS} runs ${runs.at(-1)} ms, beside grades ${beside.at(-1)} ms; grades ${answers.at(-1)} ms, by SQL ${effects.at(-1)} ms`,
      );
    } finally {
      await worker.stop(0);
      await database.drop();
    }
  }
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
    RUNS,
  ]);
  return rows[0].id;
}
