import type { BenchDatabase } from '../server.ts';

const PAUSE_MS = 50;

/**
 * Inserts runs, by default of the agent of the bench and without calls of tools. Returns the
 * milliseconds until all have ended.
 */
export async function measureRuns(
  { pool }: BenchDatabase,
  count: number,
  { agent = 'bench', input = '0 calls' }: { agent?: string | undefined; input?: string } = {},
): Promise<number> {
  const before = await endedRuns(pool);
  const startedAt = performance.now();
  await pool.query(
    `insert into howdah.executions (agent_id, input)
     select howdah.agent($2), $3 from generate_series(1, $1::int)`,
    [count, agent, input],
  );
  await until(async () => (await endedRuns(pool)) - before >= count);
  return Math.round(performance.now() - startedAt);
}

async function endedRuns(pool: BenchDatabase['pool']): Promise<number> {
  const { rows } = await pool.query(
    `select count(*)::int as ended from howdah.executions where completed_at is not null`,
  );
  return rows[0].ended;
}

/** Asks every 50 ms until the answer is true. */
export async function until(isDone: () => Promise<boolean>): Promise<void> {
  while (!(await isDone())) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
