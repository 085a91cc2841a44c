import pg from 'pg';
import { type Commit, commitQuery } from '../../src/db/runs/commit-query.ts';
import { type Figure, figure, ratios } from '../figures.ts';
import type { BenchDatabase } from '../server.ts';
import { registerWorker } from './hot-path-calls.ts';

const CONNECTIONS = 8;
const RUNS_PER_BATCH = 4;
const CALLS = 50;
const LIMIT = `insert into howdah.limits (metric, period, max_value) values ('tokens', 'month', 1e15)`;

/** A connection of a worker with a batch of runs, and the length of their logs. */
type Committer = { client: pg.Client; worker: string; ids: string[]; after: number };

/**
 * Measures commits that several workers make at once, without and with a limit of tokens of their
 * tenant. Rounds alternate. If all commits waited for one counter, the ratio would be the number of
 * connections.
 */
export async function measureLimitedCommits(
  database: BenchDatabase,
  rounds: number,
): Promise<Figure[]> {
  const committers: Committer[] = [];
  try {
    for (let count = 0; count < CONNECTIONS; count += 1) {
      committers.push(await openCommitter(database));
    }
    await measureMs(committers); // warms up
    const free: number[] = [];
    const limited: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      free.push(await measureMs(committers));
      await database.pool.query(LIMIT);
      limited.push(await measureMs(committers));
      await database.pool.query(`delete from howdah.limits where metric = 'tokens'`);
    }
    const name = `commits_of_${CONNECTIONS}_connections_under_limit`;
    return [
      figure('guards', `${name}_ratio`, ratios(limited, free), 'ratio'),
      figure('guards', `${name}_ms`, limited, 'ms'),
    ];
  } finally {
    await Promise.all(committers.map(({ client }) => client.end()));
  }
}

async function openCommitter({ pool, url }: BenchDatabase): Promise<Committer> {
  await pool.query(
    `insert into howdah.agents (name, instruction, max_steps) values ('committer', 'x', 100000)
     on conflict do nothing`,
  );
  const worker = await registerWorker(pool);
  const { rows } = await pool.query(
    `insert into howdah.executions (agent_id, input)
     select howdah.agent('committer'), 'x' from generate_series(1, $1::int) returning id`,
    [RUNS_PER_BATCH],
  );
  const ids = rows.map((row) => row.id);
  await pool.query('select from howdah_private.claim_executions($1, $2, 1, null)', [worker, ids]);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('set commit_delay = 2000; set commit_siblings = 0').catch(() => {}); // no superuser
  return { client, worker, ids, after: 0 };
}

/** Returns the milliseconds that all commits of all connections take together. */
async function measureMs(committers: Committer[]): Promise<number> {
  const startedAt = performance.now();
  await Promise.all(
    committers.map(async (one) => {
      for (let call = 0; call < CALLS; call += 1) await commitStep(one);
    }),
  );
  return performance.now() - startedAt;
}

async function commitStep(one: Committer): Promise<void> {
  const commits = one.ids.map(
    (id): Commit => ({
      id,
      fence: 1,
      after: one.after,
      steps: [{ kind: 'model', name: 'default', tokens_in: 10, tokens_out: 5 }],
    }),
  );
  const { text, values } = commitQuery(one.worker, commits, 'outcome');
  const { rows } = await one.client.query({ name: 'commit', text, values });
  if (rows.some(({ outcome }) => outcome !== 'committed')) throw new Error('a commit was stale');
  one.after += 1;
}
