import { z } from 'zod';
import { EXECUTION_STATUSES } from '../../../contracts/runs/step.ts';
import type { Queryable } from '../../../db/connection/pool.ts';
import type { Condition } from '../../../db/queries/row-collection.ts';
import type { AnswerDescription } from '../../../operations/operation.ts';
import {
  answerPage,
  idIn,
  numberIn,
  pageAnswer,
  pageBody,
} from '../../../operations/pagination.ts';
import {
  childrenOf,
  childSchema,
  executionSchema,
  findExecution,
  messageSchema,
  messagesOf,
  stepSchema,
  stepsOf,
} from '../../../operations/runs/run-rows.ts';
import {
  byId,
  flag,
  numberText,
  object,
  page,
  pageOf,
  switchText,
} from '../../../resources/fields.ts';
import { runConditions, runs } from '../../lists/list-filters.ts';
import { runCursor } from '../framework/cursors.ts';
import { changeMany, manyIds, resultsOf } from '../framework/many.ts';
import { type Route, route } from '../framework/route.ts';
import { comparisonRoute } from './comparison.ts';
import { explanationRoute } from './explanation.ts';
import { forkRoute } from './fork.ts';
import { inspectionRoutes } from './inspection.ts';
import { type RunFilters, runFilters } from './run-filters.ts';
import { runListStream } from './run-list-stream.ts';
import { CONTENT_ALIASES } from './session-messages.ts';
import { stepLogRoutes } from './step-log.ts';

/** Most messages and most child runs in the answer for one run. Lists with pages have the rest. */
const SHOWN_AT_ONCE = 1_000;

function conditionsIn({ is_mine, ...filter }: RunFilters, userId: string | undefined): Condition[] {
  return [...runConditions(filter), ...(is_mine === undefined ? [] : [isMine(is_mine, userId)])];
}

/** Returns the condition for runs of the caller. Those of a key without a user are all runs. */
function isMine(wanted: boolean, userId: string | undefined): Condition {
  if (userId === undefined) return ['?::boolean', wanted];
  return [wanted ? 't.user_id = ?' : 't.user_id is distinct from ?', userId];
}

const shown: Record<number, AnswerDescription> = {
  200: { description: 'The run', schema: executionSchema },
};
const shared = { tag: 'executions' as const, params: byId };

const idOf = ({ id }: { id: string }) => id;
const seqOf = ({ seq }: { seq: number }) => seq;

const said = flag.optional().describe('true adds the messages and the tool calls of each');

/** Routes that read runs. */
const reading: Route[] = [
  route({
    method: 'GET',
    path: '/api/executions',
    id: 'listExecutions',
    tag: 'executions',
    summary: 'List runs, newest first',
    isReplicable: true,
    query: z.strictObject({ ...page, ...runFilters }),
    answers: { 200: { description: 'A page of runs', schema: pageOf(executionSchema) } },
    async work(db, { query, url, identity }) {
      return answerPage(db, runs, conditionsIn(query, identity.userId), query, url);
    },
  }),
  route({
    ...shared,
    method: 'GET',
    path: '/api/executions/{id}',
    id: 'getExecution',
    summary: 'Get a run with its messages and child runs',
    description: `Contains the first ${SHOWN_AT_ONCE} messages and child runs, up to 1 MB. /messages and /children return all of them in pages.`,
    answers: {
      200: {
        description: 'The run',
        schema: executionSchema
          .extend({
            messages: z.array(messageSchema),
            messages_next: z
              .string()
              .nullable()
              .describe('The cursor of /messages for the remaining messages, or null'),
            children: z.array(childSchema),
            children_next: z
              .string()
              .nullable()
              .describe('The cursor of /children for the remaining runs, or null'),
          })
          .meta({ id: 'ExecutionWithMessages' }),
      },
    },
    async work(db, { params: { id } }) {
      const found = await findExecution(db, id);
      const limit = SHOWN_AT_ONCE + 1;
      const messages = await messagesOf(db, id, { after: 0, limit });
      const children = await childrenOf(db, id, { after: undefined, limit });
      const shown = {
        messages: pageBody(messages, SHOWN_AT_ONCE, `/api/executions/${id}/messages`, seqOf),
        children: pageBody(children, SHOWN_AT_ONCE, `/api/executions/${id}/children`, idOf),
      };
      return {
        body: {
          ...found,
          messages: shown.messages.data,
          messages_next: shown.messages.next,
          children: shown.children.data,
          children_next: shown.children.next,
        },
      };
    },
  }),
  route({
    ...shared,
    method: 'GET',
    path: '/api/executions/{id}/children',
    id: 'listExecutionChildren',
    summary: 'List the child runs that a run started itself, in order',
    isReplicable: true,
    query: z.strictObject(page),
    answers: { 200: { description: 'A page of runs', schema: pageOf(childSchema) } },
    async work(db, { params: { id }, query: { limit, cursor }, url }) {
      await findExecution(db, id);
      const place = { after: idIn(cursor, url), limit: limit + 1 };
      return pageAnswer(await childrenOf(db, id, place), limit, url, idOf);
    },
  }),
  logRoute(
    'steps',
    'List the steps of a run, in order; each step is one commit',
    stepSchema,
    stepsOf,
    {
      said,
    },
  ),
  logRoute('messages', 'List the messages of a run, in order', messageSchema, messagesOf),
];

function logRoute(
  name: 'steps' | 'messages',
  summary: string,
  row: z.ZodObject,
  read: typeof stepsOf,
  more: { said?: z.ZodType<boolean | undefined> } = {},
): Route {
  return route({
    ...shared,
    method: 'GET',
    path: `/api/executions/{id}/${name}`,
    id: `listExecution${name.charAt(0).toUpperCase()}${name.slice(1)}`,
    summary,
    isReplicable: true,
    query: z.strictObject({
      ...page,
      after: numberText(
        z.int('must be a whole number from 0').min(0).max(2_147_483_647).default(0),
      ).describe('Only rows after this seq; ignored when cursor is set'),
      ...more,
    }),
    answers: { 200: { description: `A page of ${name}`, schema: pageOf(row) } },
    async work(db, { params, query, url }) {
      await findExecution(db, params.id);
      const { cursor, limit, after, said } = query as typeof query & { said?: boolean };
      const from = numberIn(cursor, url) ?? after;
      const place = { after: from, limit: limit + 1, said: said === true };
      const rows = await read(db, params.id, place);
      return pageAnswer(rows, query.limit, url, seqOf);
    },
  });
}

const stream = route({
  ...shared,
  method: 'GET',
  path: '/api/executions/{id}/stream',
  id: 'streamExecution',
  summary: 'Stream the events of a run as Server-Sent Events',
  description:
    'Sends all events from the beginning, or those after the event in the header Last-Event-ID. The last event is `complete`, when the run ends.',
  query: z.strictObject({
    after: z.string().optional().describe('The same as the header Last-Event-ID'),
    tree: switchText
      .optional()
      .describe('1 to also send the events of all runs below the run, with their path'),
  }),
  answers: { 200: { description: 'Events', type: 'text/event-stream' } },
  async serve({ params, query, headers }, context) {
    const after = runCursor({ headers, query });
    await context.transaction((db) => findExecution(db, params.id));
    const { tree } = query;
    return { events: context.runEvents(params.id.toLowerCase(), after, { tree }) };
  },
});

const CONTROLS = {
  cancel: 'Cancel a run and its child runs',
  pause: 'Pause a run after the work in progress',
  resume: 'Resume a paused run',
  retry: 'Retry a failed or cancelled run after its last successful step',
} as const;

/** Routes that control runs. Each route calls the SQL function of the same name. */
const controls: Route[] = Object.entries(CONTROLS).map(([name, summary]) =>
  route({
    ...shared,
    method: 'POST',
    path: `/api/executions/{id}/${name}`,
    id: `${name}Execution`,
    summary,
    answers: shown,
    async work(db, { params }) {
      await control(db, `${name}_execution`, [params.id]);
      return { body: await findExecution(db, params.id) };
    },
  }),
);

const CONTROLS_OF_MANY = {
  cancel: 'Cancel many runs and their child runs',
  pause: 'Pause many runs after the work in progress',
  resume: 'Resume many paused runs',
  retry: 'Retry many failed or cancelled runs after their last successful steps',
} as const;

const results = resultsOf('ControlledExecution', EXECUTION_STATUSES);

/** Routes that control many runs by one statement. */
const controlsOfMany: Route[] = Object.entries(CONTROLS_OF_MANY).map(([name, summary]) =>
  route({
    method: 'POST',
    path: `/api/executions/${name}`,
    id: `${name}Executions`,
    tag: 'executions',
    summary,
    description: 'A run that cannot be changed is reported in the answer, and the others change.',
    body: z.strictObject({ ids: manyIds }),
    answers: { 200: { description: 'A result for each id, in order', schema: results } },
    work: (db, { body }) => changeMany(db, `${name}_executions`, [body.ids]),
  }),
);

const input = route({
  ...shared,
  method: 'POST',
  path: '/api/executions/{id}/input',
  id: 'addExecutionInput',
  summary: 'Send input to a live or paused run, which receives it at its next step',
  isKeyed: true,
  findAgain: findExecution,
  body: z.strictObject({
    content: z.string().describe('The text for the agent'),
    input_parts: z.array(object).optional().describe('Files and images; see docs/artifacts.md'),
  }),
  fieldAliases: CONTENT_ALIASES,
  answers: shown,
  async work(db, { params, body: { content, input_parts: parts } }) {
    await control(db, 'add_input', [params.id, content, parts ? JSON.stringify(parts) : null]);
    return { body: await findExecution(db, params.id) };
  },
});

async function control(db: Queryable, name: string, values: unknown[]): Promise<string> {
  const places = values.map((_value, index) => `$${index + 1}`).join(', ');
  const text = `select (howdah.${name}(${places})).id::uuid::text as id`;
  const { rows } = await db.query<{ id: string }>(text, values);
  return rows[0]?.id ?? '';
}

export const executionRoutes: Route[] = [
  ...reading,
  runListStream,
  explanationRoute,
  comparisonRoute,
  stream,
  ...controls,
  ...controlsOfMany,
  input,
  forkRoute,
  ...inspectionRoutes,
  ...stepLogRoutes,
];
