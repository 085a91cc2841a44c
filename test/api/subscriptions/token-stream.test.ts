import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { createGate } from '../../support/gate.ts';
import { startTestWorker } from '../../support/worker.ts';
import { follow, openSocket, type Socket, startTestApi } from '../harness.ts';

const ANSWER =
  'Grüße — the parcel 📦 left on Monday, and every word of this came one by one. '.repeat(40);
const TOKENS = `subscription ($id: UUID!) {
  executionTokens(executionId: $id) { executionId seq attempt text }
}`;

const db = testDatabase();
let api: ApiServer;
let server: FakeServer;
let worker: Worker;
let socket: Socket;
const gate = createGate();

beforeAll(async () => {
  server = await startOpenAiServer(async ({ left, body }) => {
    if (JSON.stringify(body).includes('Take your time')) return { content: ANSWER, stall: 2_000 };
    await gate.pass(left);
    return { content: ANSWER };
  });
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url, { openai: server.url });
  await db.pool.query(`update howdah.models set provider = 'openai' where name = 'default'`);
  socket = openSocket(api);
});

afterAll(async () => {
  gate.allow(Number.POSITIVE_INFINITY);
  await socket.client.dispose();
  await worker.stop(0);
  await api.close();
  await server.close();
});

test('a subscriber from before the answer receives all of it, equal to the committed step', async () => {
  const { rows } = await db.pool.query(
    `insert into howdah.executions (agent_id, input, run_at)
     values (howdah.agent('development'), 'Hello', now() + interval '1 hour') returning id`,
  );
  const id = rows[0].id;
  const followed = follow(socket, TOKENS, { id });
  await eventually(
    db.pool,
    'the subscription is registered',
    'select 1 from howdah_private.watchers',
  );
  await db.pool.query('update howdah.executions set run_at = now() where id = $1', [id]);
  await db.pool.query('select howdah_private.enqueue_advance(array[$1::uuid])', [id]);
  gate.allow(1);
  expect(await followed.end).toBe('completed');
  const pieces = followed.items.map((item) => item);
  expect(pieces.length).toBeGreaterThan(1);
  expect(pieces.map((piece) => piece.text).join('')).toBe(ANSWER);
  expect(
    new Set(pieces.map((piece) => `${piece.executionId} ${piece.seq} ${piece.attempt}`)),
  ).toEqual(new Set([`${id} 1 1`]));
  const step = await db.pool.query(
    'select content from howdah.messages where execution_id = $1 and step_seq = 1',
    [id],
  );
  expect(step.rows[0].content).toBe(ANSWER);
});

test('a subscriber that joins during an answer receives it from its beginning', async () => {
  const { rows } = await db.pool.query(
    `insert into howdah.executions (agent_id, input)
     values (howdah.agent('development'), 'Take your time') returning id`,
  );
  const id = rows[0].id;
  await vi.waitFor(
    () =>
      expect(
        server.requests.some(({ body }) => JSON.stringify(body).includes('Take your time')),
      ).toBe(true),
    { timeout: 30_000 },
  );
  const followed = follow(socket, TOKENS, { id });
  const receivedText = () => followed.items.map((piece) => piece.text).join('');
  await vi.waitFor(() => expect(receivedText()).not.toBe(''), { timeout: 30_000 });
  expect(ANSWER.startsWith(receivedText())).toBe(true);
  expect(followed.items[0]).toMatchObject({ executionId: id, seq: 1, attempt: 1 });
  await db.pool.query('select howdah.cancel_execution($1)', [id]);
  expect(await followed.end).toBe('completed');
});
