/** Columns of a run that each step changes. While a run is running, its row may be behind. */
export const RUN_COUNTERS = [
  'step_count',
  'message_count',
  'model_count',
  'tokens_in',
  'tokens_out',
  'cost',
  'trust',
  'updated_at',
] as const;

export type RunCounter = (typeof RUN_COUNTERS)[number];

/**
 * Returns the SQL of a counter of the run `run`, a row of executions. The counter is exact even
 * while the run is running.
 */
export function runCounter(run: string, column: RunCounter): string {
  const head = `(select h.${column} from howdah_private.run_heads as h where h.execution_id = ${run}.id)`;
  return `case when ${run}.status = 'running' then coalesce(${head}, ${run}.${column}) else ${run}.${column} end`;
}
