import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { callTools, insertRun, makeAgent } from '../../runtime/arrange.ts';
import { makeRun, makeUser, one, openSession } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startTestApi } from '../harness.ts';
import { type OpenStream, openStream, type SseEvent } from '../rest/events.ts';
import { makePerson, tokenFor, tokenOptions } from '../subscriptions/tokens.ts';

const db = testDatabase();
let api: ApiServer;
let worker: Worker;

beforeAll(async () => {
  api = await startTestApi(db.url, { listPollMs: 20 });
  worker = await startTestWorker(db.url);
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

const isSynced = ({ event }: SseEvent) => event === 'synced';
const isOf =
  (run: string) =>
  ({ event, data }: SseEvent) =>
    event === 'question' && data.question.execution_id === run;
const isRemoved =
  (id: string) =>
  ({ event, data }: SseEvent) =>
    event === 'removed' && data.question_id === id;

async function startAskingRun(): Promise<string> {
  const script = [
    callTools({ name: 'ask_user', arguments: { question: 'Which one?' } }),
    { content: 'ok' },
  ];
  return insertRun(db.pool, await makeAgent(db.pool, { script, tools: ['ask_user'] }));
}

test('the open questions: each as it is asked, and removed when it is answered', async () => {
  const list = await openStream(api, '/api/questions/stream');
  try {
    await list.when(isSynced);
    const run = await startAskingRun();
    const { data } = await list.when(isOf(run));
    expect(data.question).toMatchObject({ prompt: 'Which one?', status: 'open', kind: 'question' });
    await db.pool.query('select howdah.answer_question($1, $2)', [data.question_id, 'the red one']);
    await list.when(isRemoved(data.question_id));
  } finally {
    list.close();
  }
});

test('a question that closed while nobody listened, in a transaction that was open before', async () => {
  const [first, second] = [await startAskingRun(), await startAskingRun()];
  const before = await openStream(api, '/api/questions/stream');
  const [one_, other] = await Promise.all([before.when(isOf(first)), before.when(isOf(second))]);
  await before.when(isSynced); // rows of the first page have no cursor
  const late = await openSession(db.url);
  try {
    await late.query('begin');
    await late.query('select howdah.answer_question($1, $2)', [one_.data.question_id, 'red']);
    const last = before.events.findLast(({ id }) => id !== undefined)?.id ?? '';
    before.close();
    await db.pool.query('select howdah.answer_question($1, $2)', [other.data.question_id, 'blue']);
    const after = await openStream(api, '/api/questions/stream', { lastEventId: last });
    await after.when(isRemoved(other.data.question_id));
    expect(after.events.filter(isRemoved(one_.data.question_id))).toEqual([]);
    await late.query('commit');
    await after.when(isRemoved(one_.data.question_id));
    after.close();
  } finally {
    await late.end();
  }
});

test('is_mine selects the questions of runs of the caller', async () => {
  const guarded = await startTestApi(db.url, { ...tokenOptions, listPollMs: 20 });
  const me = await makePerson(db.pool, `${(await makeUser(db.pool)).username}-me`);
  const ask = (user_id: string | null) =>
    makeRun(db.pool, { user_id, run_at: '2100-01-01' }).then((run) =>
      one(
        db.pool,
        `insert into howdah.questions (execution_id, root_execution_id, kind, prompt)
         values ($1, $1, 'question', 'Which?') returning execution_id as run`,
        [run],
      ),
    );
  let mine: OpenStream | undefined;
  try {
    mine = await openStream(guarded, '/api/questions/stream?is_mine=true', {
      token: await tokenFor(me),
    });
    await mine.when(isSynced);
    const [theirs, own] = [await ask(null), await ask(me.user_id)];
    await mine.when(isOf(own.run));
    expect(mine.events.filter(isOf(theirs.run))).toEqual([]);
  } finally {
    mine?.close();
    await guarded.close();
  }
});
