import type { Bench } from '../bench.ts';
import { figure, percentile } from '../figures.ts';
import { startApiProcess } from '../processes/api.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';

const QUERIES = 500;
const WARM_UP_QUERIES = 50;
const QUERY = `{ executions(first: 20, orderBy: [ID_DESC]) {
  nodes { id status output agent { name } steps(first: 5) { nodes { seq kind name } } } } }`;

/** Sends one GraphQL query after the other: a page of runs with agent and steps, of 10,000 runs. */
export const query: Bench = async ({ server }) => {
  const database = await server.createDatabase();
  await (await startEngine({ url: database.url, concurrency: 1 })).stop(0); // inserts the row of the tool
  await database.pool.query(BENCH_AGENT);
  await database.pool.query(
    `insert into howdah.executions (agent_id, input, run_at)
     select howdah.agent('bench'), 'run ' || i, now() + interval '1 day' from generate_series(1, 10000) as i`,
  );
  // Autovacuum would analyze within a minute. Plans without statistics are not the subject here.
  await database.pool.query('analyze howdah.executions');
  const api = await startApiProcess(database.url);
  try {
    const times: number[] = [];
    for (let count = 0; count < QUERIES; count += 1) {
      const startedAt = performance.now();
      const response = await fetch(`${api.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: QUERY }),
      });
      const { data } = (await response.json()) as { data?: { executions: { nodes: unknown[] } } };
      if (data?.executions.nodes.length !== 20) {
        throw new Error('the query did not return 20 runs');
      }
      times.push(performance.now() - startedAt);
    }
    const warm = times.slice(WARM_UP_QUERIES);
    return [
      figure('query', 'query_ms_p50', percentile(warm, 50), 'ms'),
      figure('query', 'query_ms_p99', percentile(warm, 99), 'ms'),
    ];
  } finally {
    await api.stop();
    await database.drop();
  }
};
