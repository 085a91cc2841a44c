import { z } from 'zod';
import {
  messagesBefore,
  type SessionMessagePlace,
  sessionUsage,
} from '../../../db/queries/chat-session.ts';
import { messagePlaceIn, pageAnswer } from '../../../operations/pagination.ts';
import { object, page, pageOf } from '../../../resources/fields.ts';
import { noSuch } from '../../../resources/request-refusal.ts';
import { type Route, route } from '../framework/route.ts';
import { bySid, findSession } from './sessions.ts';

const shared = { tag: 'sessions' as const, params: bySid };

const state = route({
  ...shared,
  method: 'GET',
  path: '/sessions/{sid}/state',
  id: 'getSessionState',
  summary: 'Get the state of a session',
  answers: {
    200: {
      description: 'See docs/sessions.md for the meaning of each member',
      schema: z.object({
        version: z.int(),
        tasks: z.array(object),
        awaiting_user_input: object.nullable(),
        blocker: object.nullable(),
      }),
    },
  },
  async work(db, { params }) {
    const { rows } = await db.query<{ state: unknown }>(
      'select howdah.session_state($1) as state',
      [params.sid],
    );
    return { body: rows[0]?.state };
  },
});

const history = route({
  ...shared,
  method: 'GET',
  path: '/sessions/{sid}/history',
  id: 'getSessionHistory',
  summary: 'List the last messages of a session, in order',
  description: 'The next page contains earlier messages. The messages of each page are in order.',
  query: z.strictObject(page),
  answers: {
    200: {
      description: 'A page of messages',
      schema: pageOf(
        z.object({
          turn: z.int().describe('0 for messages from the session it was forked from'),
          who: z.string().describe('you, the name of an agent, or assistant'),
          said: z.string(),
        }),
      ),
    },
  },
  async work(db, { params: { sid }, query: { limit, cursor }, url }) {
    await findSession(db, sid);
    const before = messagePlaceIn(cursor, url);
    const rows = await messagesBefore(db, sid, { before, limit: limit + 1 });
    const keyOf = ({ turn, seq }: SessionMessagePlace) => `${turn} ${seq}`;
    const { headers, body } = pageAnswer(rows, limit, url, keyOf);
    const data = body.data.map(({ turn, who, said }) => ({ turn, who, said })).reverse();
    return { ...(headers && { headers }), body: { ...body, data } };
  },
});

const usage = route({
  ...shared,
  method: 'GET',
  path: '/sessions/{sid}/usage',
  id: 'getSessionUsage',
  summary: 'Get the usage of a session, including child runs',
  answers: {
    200: {
      description: 'Runs, tokens and cost',
      schema: z.object({
        runs: z.int(),
        tokens_in: z.number(),
        tokens_out: z.number(),
        cost: z.number(),
      }),
    },
  },
  async work(db, { params: { sid } }) {
    const used = await sessionUsage(db, sid);
    if (!used) throw noSuch('session', sid);
    const figures = Object.entries(used).map(([name, figure]) => [name, Number(figure)]);
    return { body: Object.fromEntries(figures) };
  },
});

const todolist = route({
  ...shared,
  method: 'GET',
  path: '/sessions/{sid}/artifacts/todolist.md',
  id: 'getTodolist',
  summary: 'Get the todo list of a session as Markdown',
  answers: { 200: { description: 'The list', type: 'text/markdown' } },
  async work(db, { params }) {
    const { rows } = await db.query<{ text: string }>(
      'select howdah.todolist_markdown($1) as text',
      [params.sid],
    );
    return { text: { type: 'text/markdown; charset=utf-8', content: rows[0]?.text ?? '' } };
  },
});

/** Routes that show the state, the history, the usage and the todo list of a session. */
export const sessionStateRoutes: Route[] = [state, history, usage, todolist];
