import type { Queryable } from '../connection/pool.ts';
import { type JsonPage, jsonPage, jsonRows } from '../queries/json-rows.ts';
import { queriesWithin } from '../queries/queries.ts';
import { type LogFilter, type LogSpan, type StepLogRow, stepLog } from './step-log.ts';

/** A line of the log as it is read. Times are texts with microseconds. */
export type LogLine = Omit<StepLogRow, 'started_at' | 'finished_at' | 'cost'> & {
  started_at: string;
  finished_at: string;
  cost: number;
};

/** Reads the newest lines first, unless the span says otherwise. */
export function readLogLines(db: Queryable, filter: LogFilter, span: LogSpan): Promise<LogLine[]> {
  const { sql, parameters } = stepLog(filter, span).compile(queriesWithin(db));
  return jsonRows<LogLine>(db, sql, parameters);
}

/** Reads lines up to one megabyte. */
export function pageOfLines(
  db: Queryable,
  filter: LogFilter,
  span: LogSpan,
): Promise<JsonPage<LogLine>> {
  const { sql, parameters } = stepLog(filter, span).compile(queriesWithin(db));
  return jsonPage<LogLine>(db, sql, parameters);
}

/** Returns the time at which a step finished, in milliseconds. */
export function finishedAt({ finished_at }: LogLine): number {
  return Date.parse(finished_at);
}

/** Kinds of steps that count as errors, as in `stepLog`. */
const FAILED = new Set(['error', 'retry', 'guard']);

type RunFacts = { agent_id: string | null; workflow_id: string | null; session_id: string | null };

/** Returns whether a line matches a filter, by the same conditions as `stepLog`. */
export function matches(filter: LogFilter, line: LogLine, run: RunFacts | undefined): boolean {
  const { id, session, agent, workflow, errors } = filter;
  if (!run) return false;
  const isOf = (wanted: string | undefined, is: string | null) =>
    wanted === undefined || wanted.toLowerCase() === is;
  return (
    isOf(id, line.execution_id) &&
    isOf(session, run.session_id) &&
    isOf(agent, run.agent_id) &&
    isOf(workflow, run.workflow_id) &&
    (!errors || line.error !== null || FAILED.has(line.kind))
  );
}

/** Returns the agent, workflow and session of runs. */
export async function factsOf(
  db: Queryable,
  ids: readonly string[],
): Promise<Map<string, RunFacts>> {
  if (ids.length === 0) return new Map();
  const rows = await jsonRows<RunFacts & { id: string }>(
    db,
    `select e.id::uuid as id, e.agent_id, e.workflow_id, e.session_id from howdah.executions as e
     where e.id = any ($1::uuid[])`,
    [ids],
  );
  return new Map(rows.map(({ id, ...facts }) => [id, facts]));
}

/** Returns whether runs have ended. Omits runs that do not exist. */
export async function endsOf(db: Queryable, ids: readonly string[]): Promise<Map<string, boolean>> {
  if (ids.length === 0) return new Map();
  const rows = await jsonRows<{ id: string; has_ended: boolean }>(
    db,
    `select e.id::uuid as id, e.completed_at is not null as has_ended from howdah.executions as e
     where e.id = any ($1::uuid[])`,
    [ids],
  );
  return new Map(rows.map(({ id, has_ended }) => [id, has_ended]));
}
