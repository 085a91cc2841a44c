import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { FakeServer } from '../../../chaos/load/openai-server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { createGate } from '../../support/gate.ts';
import { startTestWorker } from '../../support/worker.ts';
import { killWorkerProcesses, startWorkerProcess } from '../../workers/worker-process.ts';
import { childrenOf, executionOf, findViolations, waitForEnd } from '../arrange.ts';
import { makeTeam, startMembers, startTeam, type TeamSpec } from '../teams.ts';

const database = testDatabase();
let worker: Worker | undefined;
let server: FakeServer;
let agent: (part: string) => Promise<string>;
let gate = createGate();
let atWork = 0;
let most = 0;
let isMended = false;

const behave = {
  shout: (input: string) => `${input.toUpperCase()}!`,
  broken: () => {
    throw new Error('this member is broken');
  },
  sometimes: (input: string) => {
    if (!isMended) throw new Error('not yet');
    return input;
  },
  slow: async (input: string, left: Promise<unknown>) => {
    atWork += 1;
    most = Math.max(most, atWork);
    await gate.pass(left);
    atWork -= 1;
    return input;
  },
};

beforeAll(async () => {
  ({ server, agent } = await startMembers(database.pool, behave));
});
afterEach(async () => {
  await worker?.stop(0);
  worker = undefined;
  killWorkerProcesses();
  gate = createGate();
  atWork = 0;
  most = 0;
  expect(await findViolations(database.pool)).toEqual([]);
});
afterAll(async () => {
  await server.close();
});

const begin = async () => {
  worker = await startTestWorker(database.url);
};
const chain = (members: TeamSpec['members']) => makeTeam(database.pool, { type: 'chain', members });

describe('three levels of workflows', () => {
  test('complete when a member fails where failures are ignored', async () => {
    await begin();
    const { pool } = database;
    const deepest = await makeTeam(pool, {
      type: 'parallel',
      members: [
        { agent: await agent('shout'), role: 'shout' },
        { agent: await agent('broken'), role: 'broken' },
      ],
      configuration: { on_failure: 'ignore' },
    });
    const middle = await chain([{ workflow: deepest }]);
    const top = await chain([{ workflow: middle }, { agent: await agent('shout') }]);
    const run = await waitForEnd(pool, await startTeam(pool, top, 'deep'));
    expect(run).toMatchObject({ status: 'completed', output: 'SHOUT:\nDEEP!!' });
    const { rows } = await pool.query(
      `select count(*)::int as runs, max(depth) as depth, count(*) filter (where status = 'failed')::int as failed
       from howdah.executions where root_execution_id = $1`,
      [run.id],
    );
    expect(rows[0]).toEqual({ runs: 6, depth: 3, failed: 1 });
  });

  test('ask the question of the innermost workflow at the root', async () => {
    await begin();
    const { pool } = database;
    const deepest = await chain([
      { agent: await agent('shout') },
      { question: { prompt: 'Publish {{output}}?', options: ['yes', 'no'] } },
    ]);
    const top = await chain([{ workflow: await chain([{ workflow: deepest }]) }]);
    const root = await startTeam(pool, top, 'news');
    const question = await eventually<{ id: string; prompt: string; root_execution_id: string }>(
      pool,
      'a question is asked',
      `select * from howdah.questions where root_execution_id = $1 and status = 'open'`,
      [root],
    );
    expect(question).toMatchObject({ prompt: 'Publish NEWS!?', root_execution_id: root });
    await pool.query('select howdah.answer_question($1, $2)', [question.id, 'yes']);
    expect(await waitForEnd(pool, root)).toMatchObject({ status: 'completed', output: 'yes' });
  });

  test('are cancelled from the root', async () => {
    await begin();
    const { pool } = database;
    const deepest = await makeTeam(pool, {
      type: 'map',
      members: [{ agent: await agent('slow') }],
      configuration: { max_concurrency: 2 },
    });
    const map = await startTeam(pool, deepest, '', ['a', 'b', 'c', 'd']);
    await expect.poll(() => gate.waiting, { timeout: 60_000 }).toBe(2);
    await pool.query('select howdah.cancel_execution($1)', [map]);
    expect(await waitForEnd(pool, map)).toMatchObject({ status: 'cancelled' });
    expect((await childrenOf(pool, map)).map(({ status }) => status)).toEqual(
      Array(4).fill('cancelled'),
    );
  });
});

describe('a map of slow items, three at a time', () => {
  const slowMap = async (items: string[]) => {
    const { pool } = database;
    const team = await makeTeam(pool, {
      type: 'map',
      members: [{ agent: await agent('slow') }],
      configuration: { max_concurrency: 3 },
    });
    return startTeam(pool, team, '', items);
  };
  const letters = 'abcdefghij'.split('');

  test('never runs more of them, also after a pause and resume', async () => {
    await begin();
    const { pool } = database;
    const map = await slowMap(letters);
    await expect.poll(() => gate.waiting, { timeout: 60_000 }).toBe(3);
    await pool.query('select howdah.pause_execution($1)', [map]);
    gate.allow(3); // calls in progress end, and no new ones start
    await eventually(
      pool,
      'all that lives is paused',
      `select where not exists (select from howdah.executions
         where root_execution_id = $1 and completed_at is null and status <> 'paused')`,
      [map],
    );
    await pool.query('select howdah.resume_execution($1)', [map]);
    await expect.poll(() => gate.waiting, { timeout: 60_000 }).toBe(3);
    gate.allow(100);
    expect(await waitForEnd(pool, map)).toMatchObject({
      status: 'completed',
      output_data: letters,
    });
    expect(most).toBe(3);
  });

  test('completes unchanged though its worker is killed twice', async () => {
    const { pool } = database;
    const first = await startWorkerProcess(database.url);
    const map = await slowMap(letters);
    gate.allow(4);
    await expect.poll(() => gate.waiting, { timeout: 60_000 }).toBe(3);
    first.signal('SIGKILL');
    await first.ended;
    const second = await startWorkerProcess(database.url);
    gate.allow(2);
    await eventually(
      pool,
      'six are done',
      `select where (select count(*) from howdah.executions where parent_execution_id = $1 and status = 'completed') = 6`,
      [map],
    );
    second.signal('SIGKILL');
    await second.ended;
    gate.allow(100);
    await begin();
    expect(await waitForEnd(pool, map)).toMatchObject({
      status: 'completed',
      output_data: letters,
    });
    expect(await childrenOf(pool, map)).toHaveLength(10);
  });
});

test('a failed workflow is retried from the failed member; earlier answers are reused', async () => {
  await begin();
  const { pool } = database;
  const team = await chain([{ agent: await agent('shout') }, { agent: await agent('sometimes') }]);
  const id = await startTeam(pool, team, 'try');
  isMended = false;
  expect(await waitForEnd(pool, id)).toMatchObject({ status: 'failed' });
  isMended = true;
  await pool.query('select howdah.retry_execution($1)', [id]);
  expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed', output: 'TRY!' });
  expect(await childrenOf(pool, id)).toHaveLength(3);
});

test('a thousand items do not each wake their workflow', async () => {
  await begin();
  const { pool } = database;
  const team = await makeTeam(pool, {
    type: 'map',
    members: [{ agent: await agent('shout') }],
    configuration: { max_concurrency: 50 },
  });
  const items = Array.from({ length: 1_000 }, (_, at) => `item ${at}`);
  const id = await startTeam(pool, team, '', items);
  await eventually(
    pool,
    'all items are done',
    'select from howdah.executions where id = $1 and completed_at is not null',
    [id],
    60_000,
  );
  const run = await executionOf(pool, id);
  expect(run).toMatchObject({ status: 'completed' });
  expect((run.output_data as string[])[999]).toBe('ITEM 999!');
  const { rows } = await pool.query('select fence from howdah.executions where id = $1', [id]);
  // each claim increments the fence: a few claims per hundred items that a commit starts
  expect(rows[0].fence).toBeLessThan(100);
});
