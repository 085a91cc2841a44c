import { z } from 'zod';
import type { Queryable } from '../../../db/connection/pool.ts';
import { id, object, switchText } from '../../../resources/fields.ts';
import { noSuch, RequestRefusal } from '../../../resources/request-refusal.ts';
import { question } from '../../lists/question-rows.ts';
import { sessionCursor } from '../framework/cursors.ts';
import { type Route, type RouteResponse, route } from '../framework/route.ts';
import { answerFields, submitAnswer } from './questions.ts';
import { sessionStateRoutes } from './session-state.ts';
import { bySid, findSession, session } from './sessions.ts';

const shared = { tag: 'sessions' as const, params: bySid };

/** Names of `content` in other systems. */
export const CONTENT_ALIASES = { message: 'content', input: 'content', user_input: 'content' };

/** Fields of a message of a person, on every path that takes a message. */
export const saidFields = {
  content: z.string(),
  input_parts: z.array(object).optional().describe('Files and images; see docs/artifacts.md'),
};

const stream = z
  .boolean()
  .optional()
  .describe('Streams the events of the run in the answer, from its first token');
const tree = z
  .boolean()
  .optional()
  .describe('With stream: also streams the events of all runs below the run');

/**
 * Registers a follower if the request asks for a stream, so that the run is followed from its first
 * step.
 */
async function follow(db: Queryable, { stream }: { stream?: boolean | undefined }, run: unknown) {
  if (stream) await db.query('select howdah_private.register_follower($1)', [run]);
}

const say = route({
  ...shared,
  method: 'POST',
  path: '/sessions/{sid}/messages',
  id: 'sendMessage',
  summary: 'Send a message to a session',
  description: 'Sends the message as a person.',
  body: z.strictObject({ ...saidFields, stream, tree }),
  fieldAliases: CONTENT_ALIASES,
  isKeyed: true,
  answers: {
    200: { description: 'The events of the run', type: 'text/event-stream' },
    202: {
      description: 'The message starts a run, or reaches the live run',
      schema: z.object({ session_id: id, execution_id: id, turn: z.int() }),
    },
  },
  async work(db, { params, body }) {
    const parts = body.input_parts === undefined ? null : JSON.stringify(body.input_parts);
    await db.query('select (howdah.send_message($1, $2, $3)).id', [
      params.sid,
      body.content,
      parts,
    ]);
    const { rows } = await db.query<{ execution_id: string }>(
      `select e.session_id, e.id::uuid as execution_id, e.turn from howdah.executions as e
       join howdah.sessions as s on s.id = e.session_id
       cross join lateral (select e.created_at >= now() and e.input = $2 as is_new) as b
       where e.session_id = $1 and e.parent_execution_id is null and (b.is_new or e.id = s.live_execution_id)
       order by b.is_new desc, e.turn desc limit 1`,
      [params.sid, body.content],
    );
    await follow(db, body, rows[0]?.execution_id);
    return { status: 202, body: rows[0] };
  },
  async follows({ body }, answer) {
    return body.stream ? (answer.body as { execution_id: string }).execution_id : undefined;
  },
});

const fork = route({
  ...shared,
  method: 'POST',
  path: '/sessions/{sid}/fork',
  id: 'forkSession',
  summary: 'Fork a session at a turn, with another message',
  description: 'Creates a session that continues from the turn.',
  body: z.strictObject({
    ...saidFields,
    turn: z.int32().optional().describe('The last turn to copy; all turns by default'),
    stream,
    tree,
  }),
  fieldAliases: CONTENT_ALIASES,
  isKeyed: true,
  answers: {
    200: { description: 'The events of its first run', type: 'text/event-stream' },
    201: {
      description: 'The new session; its live_execution_id is the run that answers',
      schema: session,
    },
  },
  async work(db, { params, body }) {
    const { content, turn = null, input_parts } = body;
    const parts = input_parts === undefined ? null : JSON.stringify(input_parts);
    const { rows } = await db.query<{ id: string }>(
      'select (howdah.fork_session($1, $2, $3, $4)).id',
      [params.sid, content, turn, parts],
    );
    const made = rows[0]?.id ?? '';
    const row = await findSession(db, made);
    await follow(db, body, row.live_execution_id);
    return { status: 201, headers: { location: `/sessions/${made}` }, body: row };
  },
  async follows({ body }, answer, context) {
    if (!body.stream) return undefined;
    const { rows } = await context.transaction((db) =>
      db.query<{ id: string }>(
        `select e.id::uuid::text as id from howdah.executions as e
         where e.session_id = $1 and e.turn = 1 and e.parent_execution_id is null`,
        [(answer.body as { id: string }).id],
      ),
    );
    return rows[0]?.id;
  },
});

const answer = route({
  ...shared,
  method: 'POST',
  path: '/sessions/{sid}/answers',
  id: 'answerInSession',
  summary: 'Answer a question of a session; the oldest open question by default',
  description: 'Also answers questions of sub-agents.',
  body: z.strictObject({ question_id: id.optional(), ...answerFields }),
  answers: { 200: { description: 'The question with its answer', schema: question } },
  async work(db, { params: { sid }, body }): Promise<RouteResponse> {
    const { rows } = await db.query<{ id: string | null }>(
      `select howdah.session_state($1) #>> '{awaiting_user_input,question_id}' as id`,
      [sid],
    );
    const open = rows[0]?.id ?? undefined;
    const questionId = body.question_id ?? open;
    if (questionId === undefined) {
      throw new RequestRefusal(409, `session ${sid} has no open question`, {
        code: 'HWCNF',
        hint: 'GET /sessions/{sid}/state shows what it waits for.',
        detail: { session_id: sid },
      });
    }
    if (questionId !== open) await refuseOthers(db, sid, questionId);
    return submitAnswer(db, questionId, body.answer, body.data);
  },
});

/** Rejects a question of another session as not found. */
async function refuseOthers(db: Queryable, sid: string, questionId: string): Promise<void> {
  const { rowCount } = await db.query(
    `select from howdah.questions as q join howdah.executions as e on e.id = q.root_execution_id
     where q.id = $1 and e.session_id = $2`,
    [questionId, sid],
  );
  if (rowCount === 0) throw noSuch('question', questionId);
}

const events = route({
  ...shared,
  method: 'GET',
  path: '/sessions/{sid}/stream',
  id: 'streamSession',
  summary: 'Stream the events of a session as Server-Sent Events',
  description:
    'Starts at turn 1, or after the event in the header Last-Event-ID. The stream stays open when a turn is complete.',
  query: z.strictObject({
    after: z.string().optional().describe('The same as the header Last-Event-ID'),
    tree: switchText
      .optional()
      .describe('0 to leave out the events of the runs below the runs of the session'),
  }),
  answers: { 200: { description: 'Events', type: 'text/event-stream' } },
  async serve({ params, query, headers }, context) {
    const after = sessionCursor({ headers, query });
    const { id: sid } = await context.transaction((db) => findSession(db, params.sid));
    return { events: context.sessionEvents(sid, after, { tree: query.tree }) };
  },
});

/** Routes that send messages and answers in a session, and that follow the session. */
export const sessionMessageRoutes: Route[] = [say, fork, answer, ...sessionStateRoutes, events];
