import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { makeAgent, makeRun, one, unique } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import {
  type Answer,
  ask,
  driveRun,
  follow,
  openSocket,
  type Socket,
  startTestApi,
  until,
} from '../harness.ts';

const db = testDatabase();
let api: ApiServer;
let socket: Socket;

beforeAll(async () => {
  api = await startTestApi(db.url, { listPollMs: 20 });
});
afterAll(async () => {
  await api?.close();
});
beforeEach(() => {
  socket = openSocket(api);
});
afterEach(async () => {
  await socket.client.dispose();
});

const FEED = `subscription ($filter: ExecutionsFeedFilter, $after: String, $first: Int) {
  executionsFeed(filter: $filter, after: $after, first: $first) {
    kind cursor id execution { id status stepCount agent { name } }
  }
}`;
const QUESTIONS = `subscription ($filter: QuestionsFeedFilter) {
  questionsFeed(filter: $filter) { kind id question { prompt status execution { id } } }
}`;
const kinds = (items: Answer[], id: string) =>
  items.filter((item) => item.id === id).map(({ kind, execution }) => execution?.status ?? kind);

describe('executionsFeed', () => {
  test('sends the rows, each change with its relations, and what leaves the list', async () => {
    const name = unique('desk');
    const agent_id = await makeAgent(db.pool, { name });
    const id = await makeRun(db.pool, { agent_id, metadata: { order: 7, tags: ['vip'] } });
    const filter = {
      agent: name,
      metadata: { order: 7 },
      tag: 'vip',
      status: ['queued', 'running'],
    };
    const { items, errors } = follow(socket, FEED, { filter });
    await until(() => items.some(({ kind }) => kind === 'synced'));
    expect(items[0]).toEqual({
      ...{ kind: 'changed', cursor: null, id },
      execution: { id, status: 'queued', stepCount: 0, agent: { name } },
    });
    const run = await driveRun(db.pool, id);
    await until(() => kinds(items, id).includes('running'));
    await run.finish();
    await until(() => kinds(items, id).includes('removed'));
    expect(kinds(items, id)).toEqual(['queued', 'running', 'removed']);
    expect(errors).toEqual([]);
  });

  test('continues after a cursor', async () => {
    const agentId = await makeAgent(db.pool);
    const first = follow(socket, FEED, { filter: { agentId } });
    await until(() => first.items.length === 1);
    const id = await makeRun(db.pool, { agent_id: agentId });
    await until(() => first.items.length === 2);
    first.stop();
    const next = await makeRun(db.pool, { agent_id: agentId });
    const { items } = follow(socket, FEED, {
      ...{ filter: { agentId }, after: first.items.at(-1).cursor },
    });
    await until(() => items.some(({ kind }) => kind === 'synced'));
    expect(kinds(items, id)).toEqual([]);
    expect(kinds(items, next)).toEqual(['queued']);
  });

  test.each([
    [{ after: 'nonsense' }, 'HWINV'],
    [{ first: 100_000 }, 'HWINV'],
    [{ filter: { agent: 'nobody' } }, 'HWNTF'],
  ])('%j is refused', async (variables, code) => {
    const { errors, end } = follow(socket, FEED, variables);
    await end;
    expect(errors.map(({ extensions }) => extensions.code)).toEqual([code]);
  });

  test('needs a WebSocket', async () => {
    const { errors } = await ask(api, FEED);
    expect(errors[0]?.message).toBeDefined();
  });
});

test('questionsFeed sends open questions until they close', async () => {
  const id = await makeRun(db.pool);
  const { items } = follow(socket, QUESTIONS, { filter: { executionId: id } });
  await until(() => items.length === 1);
  const question = await one(
    db.pool,
    `insert into howdah.questions (execution_id, root_execution_id, kind, prompt)
     values ($1, $1, 'question', 'Which?') returning id`,
    [id],
  );
  await until(() => items.length === 2);
  expect(items[1]).toEqual({
    ...{ kind: 'changed', id: question.id },
    question: { prompt: 'Which?', status: 'open', execution: { id } },
  });
  await db.pool.query('select howdah.cancel_execution($1)', [id]);
  await until(() => items.length === 3);
  expect(items[2]).toEqual({ kind: 'removed', id: question.id, question: null });
});
