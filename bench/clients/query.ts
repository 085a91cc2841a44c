import { startApiProcess } from '../processes/api.ts';
import type { Bench } from '../bench.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';
import { figure, percentile } from '../figures.ts';

const QUERIES = 500;
const QUERY = `{ executions(first: 20, orderBy: [ID_DESC]) {
  nodes { id status output agent { name } steps(first: 5) { nodes { seq kind name } } } } }`;

/** One GraphQL query after the other over HTTP: a page of runs with their agent and steps, among 10,000 runs. */
export const query: Bench = async ({ server }) => {
  const database = await server.createDatabase();
  await (await startEngine({ url: database.url, concurrency: 1 })).stop(0); // makes the tool's row
  await database.pool.query(BENCH_AGENT);
  await database.pool.query(
    `insert into howdah.executions (agent_id, input, run_at)
     select howdah.agent('bench'), 'run ' || i, now() + interval '1 day' from generate_series(1, 10000) as i`,
  );
  // autovacuum would do so within a minute; plans without statistics are not measured here
  await database.pool.query('analyze howdah.executions');
  const api = await startApiProcess(database.url);
  try {
    const times: number[] = [];
    for (let count = 0; count < QUERIES; count += 1) {
      const startedAt = performance.now();
      const answer = await fetch(`${api.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: QUERY }),
      });
      const { data } = (await answer.json()) as { data?: { executions: { nodes: unknown[] } } };
      if (data?.executions.nodes.length !== 20) {
        throw new Error('the query did not give 20 runs');
      }
      times.push(performance.now() - startedAt);
    }
    const warm = times.slice(50);
    return [
      figure('query', 'query_ms_p50', percentile(warm, 50), 'ms'),
      figure('query', 'query_ms_p99', percentile(warm, 99), 'ms'),
    ];
  } finally {
    await api.stop();
    await database.drop();
  }
};
