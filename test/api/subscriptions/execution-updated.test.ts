import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { makeAgent, makeRun, makeTenant, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import {
  driveRun,
  follow,
  followSteps,
  openSocket,
  type Socket,
  startTestApi,
  UPDATED,
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

const watchers = async () =>
  (await one(db.pool, 'select count(*)::int as n from howdah_private.watchers')).n;

describe('executionUpdated', () => {
  test('returns the current run, then its changes, and completes with the run', async () => {
    const id = await makeRun(db.pool);
    const followed = follow(socket, UPDATED, { id });
    await until(() => followed.items.length === 1);
    expect(followed.items[0]).toEqual({
      id,
      status: 'queued',
      stepCount: 0,
      output: null,
      steps: { totalCount: 0 },
    });
    const run = await driveRun(db.pool, id);
    await run.steps(2);
    await until(() => followed.items.at(-1).stepCount === 2);
    expect(followed.items.at(-1).status).toBe('running');
    await run.finish();
    expect(await followed.end).toBe('completed');
    expect(followed.items.at(-1)).toMatchObject({
      status: 'completed',
      stepCount: 3,
      steps: { totalCount: 3 },
    });
  });

  test('receives a cancellation at once', async () => {
    const id = await makeRun(db.pool);
    const followed = follow(socket, UPDATED, { id });
    await until(() => followed.items.length === 1);
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
    expect(await followed.end).toBe('completed');
    expect(followed.items.at(-1).status).toBe('cancelled');
  });

  test('returns a run that has ended once', async () => {
    const id = await makeRun(db.pool);
    await (await driveRun(db.pool, id)).finish();
    const followed = follow(socket, UPDATED, { id });
    expect(await followed.end).toBe('completed');
    expect(followed.items).toMatchObject([{ status: 'completed' }]);
  });
});

describe('subscriptions that are rejected', () => {
  test.each([
    ['a run of another tenant', async () => makeForeignRun()],
    ['a run that does not exist', async () => '01980000-0000-7000-8000-000000000000'],
  ])('%s is not found', async (_what, makeId) => {
    const id = await makeId();
    for (const followed of [followSteps(socket, id), follow(socket, UPDATED, { id })]) {
      await followed.end;
      expect(followed.items).toEqual([]);
      expect(followed.errors).toMatchObject([
        {
          message: `there is no execution ${id}`,
          extensions: { code: 'HWNTF', detail: { execution_id: id } },
        },
      ]);
    }
    expect(await watchers()).toBe(0);
  });

  test('a malformed id is invalid input', async () => {
    const followed = followSteps(socket, '4711');
    await followed.end;
    expect(followed.errors).toMatchObject([{ extensions: { code: 'HWINV' } }]);
  });

  test('an operation beyond the limits is rejected on a socket, too', async () => {
    const deep = `{ execution { ${'agent { executions { nodes { '.repeat(5)} id ${'} } }'.repeat(5)} } }`;
    const followed = follow(
      socket,
      `subscription ($id: UUID!) { executionSteps(executionId: $id) ${deep} }`,
      {
        id: '01980000-0000-7000-8000-000000000000',
      },
    );
    await followed.end;
    expect(followed.errors).toMatchObject([
      { extensions: { code: 'HWINV', detail: { limit: 'depth' } } },
    ]);
  });

  async function makeForeignRun(): Promise<string> {
    const tenant_id = await makeTenant(db.pool);
    return makeRun(db.pool, { tenant_id, agent_id: await makeAgent(db.pool, { tenant_id }) });
  }
});

test('queries and mutations work on the socket, too', async () => {
  const followed = follow(socket, 'query { agents { totalCount } }', {});
  expect(await followed.end).toBe('completed');
  expect(followed.items).toMatchObject([{ totalCount: expect.any(Number) }]);
});
