import { z } from 'zod';
import type { Queryable } from '../../db/connection/pool.ts';
import { type LogFilter, type LogSpan, stepLog } from '../../db/feed/step-log.ts';
import { type JsonPage, jsonPage, jsonRows } from '../../db/queries/json-rows.ts';
import { queriesWithin } from '../../db/queries/queries.ts';
import { count, id, object, time } from '../../resources/fields.ts';

/** A line of the log. */
export const lineSchema = z
  .object({
    execution_id: id,
    seq: z.int(),
    agent: z.string().nullable().describe('The name of the running agent or workflow'),
    kind: z.string(),
    name: z.string().nullable(),
    started_at: time,
    finished_at: time,
    ms: z.int(),
    tokens_in: z.int(),
    tokens_out: z.int(),
    cost: count,
    error: object.nullable(),
  })
  .meta({ id: 'LoggedStep' });
/** A line as it is read. Times are texts with microseconds. */
export type LogLine = z.output<typeof lineSchema>;

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
