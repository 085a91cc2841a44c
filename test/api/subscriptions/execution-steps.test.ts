import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { all, claim, commit, makeModel, makeRun, makeWorker, one } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import {
  ask,
  count,
  driveRun,
  type Followed,
  follow,
  followSteps,
  openSocket,
  type Socket,
  startTestApi,
  until,
} from '../harness.ts';

const db = testDatabase();
let api: ApiServer;
let socket: Socket;

beforeAll(async () => {
  api = await startTestApi(db.url);
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

const seqs = ({ items }: Followed) => items.map(({ seq }) => seq);
const watchers = async () =>
  (await one(db.pool, 'select count(*)::int as n from howdah_private.watchers')).n;

describe('executionSteps', () => {
  test('returns existing steps, then each step as it commits, and completes with the run', async () => {
    const id = await makeRun(db.pool);
    const run = await driveRun(db.pool, id);
    await run.steps(3);
    const followed = followSteps(socket, id);
    await until(() => followed.items.length === 3);
    await run.steps(5);
    await run.finish();
    expect(await followed.end).toBe('completed');
    expect(seqs(followed)).toEqual(count(1, 9));
    expect(followed.errors).toEqual([]);
  });

  test('a step has the same fields and relations as in a query', async () => {
    const model_id = await makeModel(db.pool, { input_price: '0.1', output_price: '0.000003' });
    const id = await makeRun(db.pool);
    const worker = await makeWorker(db.pool);
    const [run] = await claim(db.pool, worker, [id]);
    const steps = [
      {
        kind: 'model',
        model_id,
        tokens_in: 7,
        tokens_out: 3,
        input: { a: [1, 'x', null] },
        output: 'text',
      },
      { kind: 'retry', error: { code: 'timeout', message: 'no answer' }, output: 12.5 },
    ];
    await commit(db.pool, worker, [{ id, fence: run?.fence, after: 0, steps }]);
    const fields = `nodeId seq kind name input output error modelId tokensIn tokensOut cost startedAt finishedAt
      worker executionId tenantId execution { id agent { name } }`;
    const followed = follow(
      socket,
      `subscription ($id: UUID!) { executionSteps(executionId: $id) { ${fields} } }`,
      { id },
    );
    await until(() => followed.items.length === 2);
    const { data } = await ask(
      api,
      `query ($id: UUID!) { execution(id: $id) { steps { nodes { ${fields} } } } }`,
      { id },
    );
    expect(followed.items).toEqual(data.execution.steps.nodes);
    expect(followed.items[0]).toMatchObject({
      cost: expect.stringMatching(/^0\.0000007/),
      output: 'text',
    });
    expect(followed.items[0].startedAt).toMatch(
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d$/,
    );
  });

  test('a cut socket resumes from its cursor without gaps or duplicates', async () => {
    const id = await makeRun(db.pool);
    const run = await driveRun(db.pool, id);
    const first = followSteps(socket, id);
    const working = run.steps(60).then(() => run.finish());
    await until(() => first.items.length >= 10);
    socket.socket().terminate();
    expect(await first.end).toBe('cut');
    const other = openSocket(api);
    const second = followSteps(other, id, seqs(first).at(-1));
    await working;
    expect(await second.end).toBe('completed');
    expect([...seqs(first), ...seqs(second)]).toEqual(count(1, 61));
    await other.client.dispose();
  });

  test('nothing is lost when the listening connection dies during commits', async () => {
    const id = await makeRun(db.pool);
    const run = await driveRun(db.pool, id);
    const followed = followSteps(socket, id);
    for (let round = 0; round < 3; round += 1) {
      await run.steps(10);
      // the listener has reconnected after the last round; earlier notifications may have been
      // replaced by a read
      await eventually(
        db.pool,
        'it listens, and is cut off',
        `select pg_terminate_backend(pid) from pg_stat_activity
         where application_name = 'howdah-listen' and datname = current_database()`,
      );
      await run.steps(10);
      await until(() => followed.items.length === (round + 1) * 20);
    }
    await run.finish();
    expect(await followed.end).toBe('completed');
    expect(seqs(followed)).toEqual(count(1, 61));
  });

  test('a lost notification only delays delivery', async () => {
    const id = await makeRun(db.pool);
    const run = await driveRun(db.pool, id);
    const followed = followSteps(socket, id);
    await run.steps(1);
    await until(() => followed.items.length === 1);
    await run.steps(20, { silently: true });
    await until(() => followed.items.length === 21);
    expect(seqs(followed)).toEqual(count(1, 21));
  });

  test('many subscribers follow one run, each from its own cursor', async () => {
    const id = await makeRun(db.pool);
    const run = await driveRun(db.pool, id);
    await run.steps(400, { batch: 100 });
    const cursors = [0, 0, 150, 399, 400, 700];
    const all = cursors.map((after) => followSteps(socket, id, after));
    await run.steps(600, { batch: 50 });
    await run.finish();
    expect(await Promise.all(all.map(({ end }) => end))).toEqual(cursors.map(() => 'completed'));
    all.forEach((followed, index) => {
      expect(seqs(followed)).toEqual(count((cursors[index] ?? 0) + 1, 1001));
    });
  });

  test('a paused socket receives everything after it resumes', async () => {
    const id = await makeRun(db.pool);
    const run = await driveRun(db.pool, id);
    const followed = followSteps(socket, id);
    await run.steps(1);
    await until(() => followed.items.length === 1);
    socket.socket().pause();
    await run.steps(3_000, { batch: 100 });
    await run.finish();
    socket.socket().resume();
    expect(await followed.end).toBe('completed');
    expect(seqs(followed)).toEqual(count(1, 3_002));
  });

  test('a run that has ended is delivered to its end from any cursor', async () => {
    const id = await makeRun(db.pool);
    const run = await driveRun(db.pool, id);
    await run.steps(2);
    await run.finish();
    const whole = followSteps(socket, id);
    const rest = followSteps(socket, id, 2);
    const nothing = followSteps(socket, id, 3);
    expect(await Promise.all([whole.end, rest.end, nothing.end])).toEqual(
      Array(3).fill('completed'),
    );
    expect([seqs(whole), seqs(rest), seqs(nothing)]).toEqual([[1, 2, 3], [3], []]);
  });

  test('a subscriber that leaves is forgotten', async () => {
    const id = await makeRun(db.pool);
    const run = await driveRun(db.pool, id);
    const [one, two] = [followSteps(socket, id), followSteps(socket, id)];
    await run.steps(1);
    await until(() => one.items.length === 1 && two.items.length === 1);
    expect(await watchers()).toBe(1);
    one.stop();
    await run.steps(1);
    await until(() => two.items.length === 2);
    two.stop();
    await until(async () => (await watchers()) === 0);
    expect(one.items).toHaveLength(1);
  });
});

test('no watcher is registered without subscribers', async () => {
  await until(async () => (await watchers()) === 0);
  expect(await all(db.pool, 'select 1 from howdah_private.watchers')).toEqual([]);
});
