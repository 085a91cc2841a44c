import type { Pool } from '../connection/pool.ts';

/** Creates the queries of traces. The caller provides the type of a run. */
export function traceRowsOn<Run>(pool: Pool) {
  const read = async (ids: string, values: unknown[]): Promise<Run[]> => {
    const { rows } = await pool.query(
      `select r.*, r.tokens_in::float8 as tokens_in, r.tokens_out::float8 as tokens_out, r.cost::float8 as cost,
         extract(epoch from r.created_at)::float8 * 1000 as created_at_ms,
         extract(epoch from r.started_at)::float8 * 1000 as started_at_ms,
         extract(epoch from r.completed_at)::float8 * 1000 as completed_at_ms
       from howdah_private.traced_runs(${ids}) as r`,
      values,
    );
    return rows as Run[];
  };
  return {
    async traceparentOf(rootId: string): Promise<string | null> {
      const text = 'select howdah_private.traceparent_of($1) as traceparent';
      const { rows } = await pool.query<{ traceparent: string | null }>(text, [rootId]);
      return rows[0]?.traceparent ?? null;
    },
    readEndedRuns: (ids: readonly string[]): Promise<Run[]> => read('$1', [ids]),
    readRunsEndedElsewhere: (): Promise<Run[]> => read('howdah_private.runs_to_trace()', []),
  };
}
