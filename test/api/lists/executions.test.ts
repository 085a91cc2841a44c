import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { connect } from '../../../src/client/connect.ts';
import { makeAgent, makeRun, makeTenant, openSession, unique } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { driveRun, startTestApi } from '../harness.ts';
import { call } from '../rest/call.ts';
import { type OpenStream, openStream, type SseEvent } from '../rest/events.ts';
import { makePerson, tokenFor, tokenOptions } from '../subscriptions/tokens.ts';

const db = testDatabase();
let api: ApiServer;

beforeAll(async () => {
  api = await startTestApi(db.url, { listPollMs: 20 });
});
afterAll(async () => {
  await api?.close();
});

type Options = { after?: string | undefined; server?: ApiServer; token?: string };

/** Follows a list while `work` runs. */
async function whileFollowing(
  query: string,
  work: (list: OpenStream) => Promise<void>,
  { after, server = api, token }: Options = {},
): Promise<void> {
  const list = await openStream(server, `/api/executions/stream?${query}`, {
    ...(after !== undefined && { lastEventId: after }),
    ...(token !== undefined && { token }),
  });
  try {
    expect(list.status).toBe(200);
    await work(list);
  } finally {
    list.close();
  }
}

const isSynced = ({ event }: SseEvent) => event === 'synced';
const isRun =
  (id: string, status?: string) =>
  ({ event, data }: SseEvent) =>
    event === 'execution' &&
    data.execution_id === id &&
    (!status || data.execution.status === status);
const isRemoved =
  (id: string) =>
  ({ event, data }: SseEvent) =>
    event === 'removed' && data.execution_id === id;
const ids = (list: OpenStream) =>
  list.events.flatMap(({ event, data }) => (event === 'execution' ? [data.execution_id] : []));

/** Opens a list and returns the cursor of its first `synced`. */
async function cursorNow(query: string): Promise<string> {
  let cursor: string | undefined;
  await whileFollowing(query, async (list) => {
    cursor = (await list.when(isSynced)).id;
  });
  return cursor ?? '';
}

/**
 * Waits until each transaction that has written so far is over. Until then, a list may send rows
 * again that were committed before it was opened.
 */
async function untilAllIsRead(): Promise<void> {
  const { rows } = await db.pool.query('select pg_snapshot_xmax(pg_current_snapshot()) as xid');
  await vi.waitFor(
    async () => {
      const { rowCount } = await db.pool.query(
        'select where pg_snapshot_xmin(pg_current_snapshot()) >= $1::xid8',
        [rows[0].xid],
      );
      expect(rowCount).toBe(1);
    },
    { timeout: 20_000 },
  );
}

describe('a list of runs', () => {
  test('begins with the newest rows, then sends each change until the end of a run', async () => {
    const agent_id = await makeAgent(db.pool);
    const old = [await makeRun(db.pool, { agent_id }), await makeRun(db.pool, { agent_id })];
    await whileFollowing(`agent_id=${agent_id}`, async (list) => {
      await list.when(isSynced);
      expect(ids(list)).toEqual(old);
      const id = await makeRun(db.pool, { agent_id });
      await list.when(isRun(id, 'queued'));
      const run = await driveRun(db.pool, id);
      await list.when(isRun(id, 'running'));
      await run.steps(2);
      await list.when((event) => isRun(id)(event) && event.data.execution.step_count === 2);
      await run.finish();
      const { data } = await list.when(isRun(id, 'completed'));
      expect(data.execution.output).toBe('It is on its way.');
      const versions = list.events.map((event) => event.data.version).filter(Boolean);
      expect(new Set(versions).size).toBe(versions.length);
    });
  });

  test('first limits the rows of the beginning', async () => {
    const agent_id = await makeAgent(db.pool);
    await makeRun(db.pool, { agent_id });
    const newest = await makeRun(db.pool, { agent_id });
    await untilAllIsRead();
    await whileFollowing(`agent_id=${agent_id}&first=1`, async (list) => {
      await list.when(isSynced);
      expect(ids(list)).toEqual([newest]);
    });
    await untilAllIsRead();
    await whileFollowing(`agent_id=${agent_id}&first=0`, async (list) => {
      await list.when(isSynced);
      expect(ids(list)).toEqual([]);
    });
  });

  test('loses no run whose transaction commits after a later one', async () => {
    const agent_id = await makeAgent(db.pool);
    const [late, nested] = [await openSession(db.url), await openSession(db.url)];
    try {
      await whileFollowing(`agent_id=${agent_id}`, async (list) => {
        await list.when(isSynced);
        await late.query('begin');
        const first = await makeRun(late, { agent_id });
        await nested.query('begin');
        await nested.query('select pg_current_xact_id()');
        await nested.query('savepoint before_run');
        const second = await makeRun(nested, { agent_id });
        const third = await makeRun(db.pool, { agent_id });
        await list.when(isRun(third));
        expect(ids(list)).toEqual([third]);
        await nested.query('commit');
        await list.when(isRun(second));
        await late.query('commit');
        await list.when(isRun(first));
        expect(ids(list)).toEqual([third, second, first]);
      });
    } finally {
      await Promise.all([late.end(), nested.end()]);
    }
  });

  test('loses no end of a run that commits after later ones', async () => {
    const agent_id = await makeAgent(db.pool);
    const [id, other] = [
      await makeRun(db.pool, { agent_id }),
      await makeRun(db.pool, { agent_id }),
    ];
    const late = await openSession(db.url);
    try {
      await whileFollowing(`agent_id=${agent_id}`, async (list) => {
        await list.when(isSynced);
        await late.query('begin');
        await late.query('select howdah.cancel_execution($1)', [id]);
        await db.pool.query('select howdah.cancel_execution($1)', [other]);
        await list.when(isRun(other, 'cancelled'));
        await late.query('commit');
        await list.when(isRun(id, 'cancelled'));
      });
    } finally {
      await late.end();
    }
  });
});

describe('a cursor', () => {
  test('continues with what was committed since, in whatever order, and nothing else', async () => {
    const agent_id = await makeAgent(db.pool);
    const query = `agent_id=${agent_id}`;
    await makeRun(db.pool, { agent_id });
    const [late, later] = [await openSession(db.url), await openSession(db.url)];
    try {
      await late.query('begin');
      const open = await makeRun(late, { agent_id });
      let cursor: string | undefined;
      await whileFollowing(query, async (list) => {
        await list.when(isSynced);
        // written after the transaction that is still open
        const seen = await makeRun(db.pool, { agent_id });
        cursor = (await list.when(isRun(seen))).id;
      });
      await later.query('begin');
      const other = await makeRun(later, { agent_id });
      const ended = await makeRun(db.pool, { agent_id });
      await db.pool.query('select howdah.cancel_execution($1)', [ended]);
      await late.query('commit');
      let second: string | undefined;
      await whileFollowing(
        query,
        async (list) => {
          second = (await list.when(isSynced)).id;
          expect(ids(list).toSorted()).toEqual([open, ended].toSorted());
        },
        { after: cursor },
      );
      await later.query('commit');
      await whileFollowing(
        query,
        async (list) => {
          await list.when(isSynced);
          expect(ids(list)).toEqual([other]);
        },
        { after: second },
      );
    } finally {
      await Promise.all([late.end(), later.end()]);
    }
  });

  test('of each event in the middle of a read continues behind that event', async () => {
    const agent_id = await makeAgent(db.pool);
    const query = `agent_id=${agent_id}`;
    const start = await cursorNow(query);
    await db.pool.query(
      `insert into howdah.executions (agent_id, input) select $1, 'Hi' from generate_series(1, 4)`,
      [agent_id],
    );
    await makeRun(db.pool, { agent_id });
    const all: SseEvent[] = [];
    const readFrom = async (after: string | undefined) => {
      let findIds: SseEvent[] = [];
      await whileFollowing(
        query,
        async (list) => {
          await list.when(isSynced);
          findIds = list.events.filter(({ event }) => event === 'execution');
        },
        { after },
      );
      return findIds;
    };
    all.push(...(await readFrom(start)));
    expect(all).toHaveLength(5);
    for (const [index, { id }] of all.entries()) {
      const rest = await readFrom(id);
      expect(rest.map(({ data }) => data.execution_id)).toEqual(
        all.slice(index + 1).map(({ data }) => data.execution_id),
      );
    }
  });

  test('says which rows left the list meanwhile', async () => {
    const tag = unique('tag');
    const columns = { metadata: { tags: [tag] } };
    const [gone, remaining] = [await makeRun(db.pool, columns), await makeRun(db.pool, columns)];
    const query = `tag=${tag}&status=queued`;
    const cursor = await cursorNow(query);
    await db.pool.query('select howdah.cancel_execution($1)', [gone]);
    await whileFollowing(
      query,
      async (list) => {
        await list.when(isSynced);
        expect(list.events.filter(isRemoved(gone))).toHaveLength(1);
        expect(list.events.filter(isRun(remaining))).toEqual([]);
      },
      { after: cursor },
    );
  });

  test.each(['nonsense', 'zzzzzzzzzzzz.1.1.1..'])('%j is refused', async (after) => {
    const path = `/api/executions/stream?after=${after}`;
    const { status, body } = await call(api, 'GET', path);
    expect({ status, code: body.code, field: body.field }).toEqual({
      ...{ status: 400, code: 'HWINV', field: 'after' },
    });
  });
});

describe('a filter', () => {
  test('by name of the agent, status, metadata and tag', async () => {
    const name = unique('desk');
    const agent_id = await makeAgent(db.pool, { name });
    const metadata = { order: 4711, tags: ['vip', 'late'] };
    const mine = await makeRun(db.pool, { agent_id, metadata });
    const other = await makeRun(db.pool, { agent_id, metadata: { tags: ['slow'] } });
    const none = await makeRun(db.pool);
    const found = async (query: string) => {
      let answer: string[] = [];
      await whileFollowing(query, async (list) => {
        await list.when(isSynced);
        answer = ids(list).filter((id) => [mine, other, none].includes(id));
      });
      return answer;
    };
    expect(await found(`agent=${name}`)).toEqual([mine, other]);
    expect(await found(`agent=${name}&tag=vip`)).toEqual([mine]);
    expect(await found(`metadata=${encodeURIComponent('{"order":4711}')}`)).toEqual([mine]);
    expect(await found(`agent=${name}&status=running`)).toEqual([]);
    const { status, body } = await call(api, 'GET', '/api/executions/stream?agent=nobody');
    expect({ status, code: body.code }).toEqual({ status: 404, code: 'HWNTF' });
  });

  test('removes a run that leaves it, and no run that was never in it', async () => {
    const tag = unique('tag');
    const columns = { metadata: { tags: [tag] } };
    const id = await makeRun(db.pool, columns);
    await whileFollowing(`tag=${tag}&status=queued`, async (list) => {
      await list.when(isSynced);
      const other = await makeRun(db.pool);
      const run = await driveRun(db.pool, other);
      await (await driveRun(db.pool, id)).steps(1);
      await list.when(isRemoved(id));
      await run.finish();
      const next = await makeRun(db.pool, columns);
      await list.when(isRun(next));
      expect(list.events.filter(({ event }) => event === 'removed')).toHaveLength(1);
    });
  });
});

test('another tenant sees nothing', async () => {
  const guarded = await startTestApi(db.url, { ...tokenOptions, listPollMs: 20 });
  try {
    const tenant = await makeTenant(db.pool);
    const [outsider, owner] = await Promise.all([
      makePerson(db.pool, unique('stranger'), tenant),
      makePerson(db.pool, unique('user')),
    ]);
    const [hers, his] = [await tokenFor(outsider), await tokenFor(owner)];
    await whileFollowing(
      'first=10',
      async (outsiders) => {
        await outsiders.when(isSynced);
        await whileFollowing(
          'first=0',
          async (list) => {
            await list.when(isSynced);
            const id = await makeRun(db.pool);
            await list.when(isRun(id));
            expect(ids(outsiders)).toEqual([]);
          },
          { server: guarded, token: his },
        );
      },
      { server: guarded, token: hers },
    );
    const cursor = await cursorNow('first=0');
    await makeRun(db.pool);
    await whileFollowing(
      '',
      async (list) => {
        await list.when(isSynced);
        expect(list.events.filter(({ event }) => event !== 'synced')).toEqual([]);
      },
      { server: guarded, token: hers, after: cursor },
    );
  } finally {
    await guarded.close();
  }
});

test('the client yields the rows and continues after a cursor', async () => {
  const agent_id = await makeAgent(db.pool);
  const first = await makeRun(db.pool, { agent_id });
  const client = connect(api.url);
  let after: string | undefined;
  const found: string[] = [];
  for await (const event of client.executionsFeed({ agent_id })) {
    if (event.type === 'changed') found.push(event.row.id);
    if (event.type !== 'synced') continue;
    after = event.cursor;
    break;
  }
  const next = await makeRun(db.pool, { agent_id });
  for await (const event of client.executionsFeed({ agent_id, after: after ?? '' })) {
    if (event.type === 'changed') found.push(event.row.id);
    if (found.includes(next)) break;
  }
  expect(found).toEqual([first, next]);
  const refused = client.executionsFeed({ agent: 'nobody' }).next();
  await expect(refused).rejects.toMatchObject({ code: 'HWNTF' });
});

test('many streams share one reader', async () => {
  const STREAMS = 20;
  const usual = await startTestApi(db.url); // reads as rarely as in production
  const agent_id = await makeAgent(db.pool);
  const path = `/api/executions/stream?agent_id=${agent_id}`;
  const lists = await Promise.all(Array.from({ length: STREAMS }, () => openStream(usual, path)));
  const allHave = (id: string) => Promise.all(lists.map((list) => list.when(isRun(id))));
  try {
    await allHave(await makeRun(db.pool, { agent_id }));
    const connect = vi.spyOn(pg.Pool.prototype, 'connect');
    await allHave(await makeRun(db.pool, { agent_id }));
    const pools = connect.mock.contexts as { options: { application_name?: string } }[];
    connect.mockRestore();
    const taken = pools.filter(({ options }) => options.application_name === 'howdah-api');
    expect(taken.length).toBeGreaterThan(0);
    expect(taken.length).toBeLessThan(STREAMS);
  } finally {
    for (const list of lists) list.close();
    await usual.close();
  }
});
