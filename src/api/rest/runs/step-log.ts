import { z } from 'zod';
import type { Queryable } from '../../../db/connection/pool.ts';
import { pageOfLines } from '../../../db/log/log-lines.ts';
import { endOf, type LogFilter, type LogPlace } from '../../../db/log/step-log.ts';
import { queriesWithin } from '../../../db/queries/queries.ts';
import { pageAnswer, placeIn } from '../../../operations/pagination.ts';
import { findExecution, statusSchema } from '../../../operations/runs/run-rows.ts';
import { count, flag, id, object, page, pageOf, time } from '../../../resources/fields.ts';
import { RequestRefusal } from '../../../resources/request-refusal.ts';
import { logCursor } from '../framework/cursors.ts';
import { type Route, route } from '../framework/route.ts';
import { findSession } from './sessions.ts';

const lineSchema = z
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

const HOUR_MS = 3_600_000;
const UNITS: Readonly<Record<string, number>> = {
  ...{ s: 1_000, m: 60_000, h: HOUR_MS },
  ...{ d: 24 * HOUR_MS, w: 168 * HOUR_MS },
};

const LONG_AGO = /^(\d{1,6})([smhdw])$/;
const since = z
  .string()
  .refine((text) => LONG_AGO.test(text) || time.safeParse(text).success, {
    error: 'must be an ISO 8601 time or a duration such as 30s, 10m, 1h or 7d',
  })
  .describe(
    'Only steps finished since this time, or within this duration by the clock of the database, such as 10m',
  );

const filters = {
  execution_id: id.optional().describe('Only steps of this run'),
  session_id: id.optional(),
  agent_id: id.optional(),
  workflow_id: id.optional(),
  status: statusSchema.optional(),
  errors: flag
    .optional()
    .describe('true returns only steps that failed, were retried, or were stopped by a guard'),
};
type Filters = z.output<z.ZodObject<typeof filters>>;

/**
 * Returns the filter in a query. Throws `HWINV` for `execution_id` together with another filter of
 * runs, and `HWNTF` for a run or session that does not exist.
 */
async function filterIn(db: Queryable, query: Filters): Promise<LogFilter> {
  const { execution_id, session_id, agent_id, workflow_id, status, errors } = query;
  const beside = Object.entries({ session_id, agent_id, workflow_id, status }).find(
    ([, value]) => execution_id !== undefined && value !== undefined,
  )?.[0];
  if (beside !== undefined) {
    throw new RequestRefusal(400, `${beside} and execution_id cannot be combined`, {
      hint: 'Leave one of them out.',
      detail: { field: beside },
    });
  }
  if (execution_id !== undefined) await findExecution(db, execution_id);
  if (session_id !== undefined) await findSession(db, session_id);
  return {
    ...{ id: execution_id?.toLowerCase(), session: session_id, status },
    ...{ agent: agent_id, workflow: workflow_id, errors: errors || undefined },
  };
}

/**
 * Returns the start of the log, by the clock of the database. Steps that finished before have no
 * line.
 */
function sinceOf(text: string | undefined, now: Date, { id, session }: LogFilter): Date {
  if (text === undefined) return new Date((id ?? session) ? 0 : now.getTime() - HOUR_MS);
  const [, number, unit = ''] = LONG_AGO.exec(text) ?? [];
  return number ? new Date(now.getTime() - Number(number) * (UNITS[unit] ?? 0)) : new Date(text);
}

const keyOf = ({ finished_at, execution_id, seq }: LogPlace) =>
  `${finished_at} ${execution_id} ${seq}`;

export const stepLogRoutes: Route[] = [
  route({
    method: 'GET',
    path: '/api/steps',
    id: 'listSteps',
    tag: 'executions',
    summary: 'List the steps of all or some runs, newest first',
    description:
      'Contains no messages. Without `since`: the last hour, or a run or session from its beginning. `now` is the time of the database before the log was read.',
    isReplicable: true,
    query: z.strictObject({ ...page, ...filters, since: since.optional() }),
    answers: {
      200: {
        description: 'A page of lines',
        schema: pageOf(lineSchema).extend({ now: time }),
      },
    },
    async work(db, { query, url }) {
      const { limit, cursor } = query;
      const filter = await filterIn(db, query);
      const { now } = await endOf(queriesWithin(db), undefined);
      const before = placeIn(cursor, url);
      const span = { since: sinceOf(query.since, now, filter), limit: limit + 1, before };
      const answer = pageAnswer(await pageOfLines(db, filter, span), limit, url, keyOf);
      return { ...answer, body: { ...(answer.body as object), now: now.toISOString() } };
    },
  }),
  route({
    method: 'GET',
    path: '/api/steps/stream',
    id: 'streamSteps',
    tag: 'executions',
    summary: 'Stream the steps of runs as Server-Sent Events',
    description:
      'Sends the oldest step first, then each new step as it commits. Each event is a `step`; for one run the last event is `complete`. After a reconnect with Last-Event-ID, which is a time, the lines of the minute before it may be repeated. Identify lines by execution_id and seq.',
    query: z.strictObject({
      ...filters,
      since,
      after: z.string().optional().describe('The same as the header Last-Event-ID'),
    }),
    answers: { 200: { description: 'Events', type: 'text/event-stream' } },
    async serve({ query, headers }, context) {
      const after = logCursor({ headers, query });
      const place = await context.transaction(async (db) => {
        const filter = await filterIn(db, query);
        const { now } = await endOf(queriesWithin(db), undefined);
        const from = sinceOf(query.since, now, filter);
        return { filter, since: new Date(Math.max(from.getTime(), after)) };
      });
      return { events: context.logEvents(place) };
    },
  }),
];
