import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { PollPause } from '../../../src/db/followers/poll-pause.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { callTools, insertRun, makeAgent } from '../../runtime/arrange.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { ask, startTestApi, until } from '../harness.ts';
import { type OpenStream, openStream, type SseEvent } from '../rest/events.ts';

// Lists are polled every 20 ms, but only once an hour while they rest.

const db = testDatabase();
let api: ApiServer;
let worker: Worker;
let runs: OpenStream;
const rests = vi.spyOn(PollPause.prototype, 'rest');

beforeAll(async () => {
  api = await startTestApi(db.url, { listPollMs: 20, listRestMs: 3_600_000 });
  worker = await startTestWorker(db.url);
  runs = await openStream(api, '/api/executions/stream');
  await runs.when(({ event }) => event === 'synced');
});
afterAll(async () => {
  rests.mockRestore();
  runs?.close();
  await worker?.stop(0);
  await api?.close();
});

/** Waits until the list rests. */
async function untilRest(): Promise<void> {
  const isResting = () => rests.mock.settledResults.at(-1)?.type === 'incomplete';
  await until(isResting);
}

const hasStatus =
  (id: string, status: string) =>
  ({ event, data }: SseEvent) =>
    event === 'execution' && data.execution.id === id && data.execution.status === status;

async function startAskingRun(): Promise<string> {
  const script = [
    callTools({ name: 'ask_user', arguments: { question: 'Which one?' } }),
    { content: 'ok' },
  ];
  return insertRun(db.pool, await makeAgent(db.pool, { script, tools: ['ask_user'] }));
}

test('a run that is started and answered by SQL is followed to its end', async () => {
  await untilRest();
  const id = await startAskingRun();
  await runs.when(hasStatus(id, 'waiting'));
  await untilRest();
  await db.pool.query(
    `select howdah.answer_question(q.id, 'red') from howdah.questions as q where q.execution_id = $1`,
    [id],
  );
  await runs.when(hasStatus(id, 'completed'));
});

test('a mutation of this server is seen', async () => {
  const id = await startAskingRun();
  await runs.when(hasStatus(id, 'waiting'));
  await untilRest();
  const { errors } = await ask(
    api,
    'mutation ($id: UUID!) { cancelExecution(input: { id: $id }) { clientMutationId } }',
    { id },
  );
  expect(errors).toEqual([]);
  await runs.when(hasStatus(id, 'cancelled'));
});

test('a run that is due later is seen when it runs', async () => {
  const agent = await makeAgent(db.pool, { script: [{ content: 'ok' }] });
  const { rows } = await db.pool.query(
    `insert into howdah.executions (agent_id, input, run_at)
     values ($1, 'later', clock_timestamp() + interval '2 seconds') returning id`,
    [agent],
  );
  await runs.when(hasStatus(rows[0].id, 'queued'));
  await untilRest();
  await runs.when(hasStatus(rows[0].id, 'completed'));
});
