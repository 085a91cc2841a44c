import type { Action } from '../contracts/action.ts';
import { rowsOf } from '../db/read-rows.ts';
import type { HeldRun } from './held-run.ts';
import type { World } from './world.ts';

type ReadRows = Extract<Action, { type: 'read_rows' }>;

/** As long as a query of a workflow may take, when the run has that long. */
const TIMEOUT_MS = 60_000;

/** Reads them, for the user of the run and with his rights, and keeps them in the log: the run goes by what was read once. */
export async function readRows(
  { query, most }: ReadRows,
  run: HeldRun,
  { sqlToolPool }: World,
): Promise<void> {
  const started_at = new Date().toISOString();
  const { tenant_id: tenantId } = run.context;
  const outcome = await rowsOf(sqlToolPool, {
    boundTo: { tenantId, executionId: run.id },
    query,
    most,
    timeoutMs: Math.min(TIMEOUT_MS, run.timeLeft),
    signal: run.abort.signal,
  });
  if (run.abort.signal.aborted) {
    return; // not ours any more
  }
  await run.commit([
    {
      kind: 'tool',
      name: 'sql_query',
      call_id: 'query',
      input: { query },
      ...(outcome.ok ? { output: outcome.value } : { error: outcome.error }),
      started_at,
    },
  ]);
}
