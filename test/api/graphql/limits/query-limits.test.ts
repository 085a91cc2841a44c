import { connect } from 'node:net';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createRequestQueue } from '../../../../src/api/http/request-queue.ts';
import type { ApiServer } from '../../../../src/api/server.ts';
import { makeTenant } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { ask, driveRun, follow, openSocket, startTestApi, until } from '../../harness.ts';
import { makePerson, tokenFor, tokenOptions } from '../../subscriptions/tokens.ts';

/**
 * Time that a request waits for a slot: longer than a busy machine needs to reject five requests.
 */
const WAIT_MS = 3_000;

const db = testDatabase();
let api: ApiServer;

beforeAll(async () => {
  api = await startTestApi(db.url, { bounds: { connections: 1, waiting: 3, waitMs: WAIT_MS } });
  await db.pool.query(
    `insert into howdah.sessions (title) select 'session ' || n from generate_series(1, 1200) as n`,
  );
});

afterAll(async () => {
  await api?.close();
});

describe('pagination', () => {
  const pageOf = async (args: string) => {
    const query = `{ sessions${args} { nodes { id } totalCount pageInfo { hasNextPage hasPreviousPage endCursor } } }`;
    const { data, errors } = await ask(api, query);
    return { errors, rows: data?.sessions?.nodes.length, page: data?.sessions };
  };

  test('returns 100 rows by default, with a total count of all rows', async () => {
    const { rows, page } = await pageOf('');
    expect(rows).toBe(100);
    expect(page).toMatchObject({ totalCount: 1200, pageInfo: { hasNextPage: true } });
    expect((await pageOf('(first: null, last: null)')).rows).toBe(100);
    expect((await pageOf(`(after: "${page.pageInfo.endCursor}")`)).rows).toBe(100);
  });

  test('returns at most 1,000 rows, forward and backward', async () => {
    expect((await pageOf('(first: 1000)')).rows).toBe(1000);
    expect((await pageOf('(last: 1000)')).rows).toBe(1000);
    expect((await pageOf('(first: 0)')).rows).toBe(0);
    expect((await pageOf('(first: 1000, offset: 1150)')).rows).toBe(50);
  });

  test('returns the 100 rows immediately before a cursor', async () => {
    const { page: all } = await pageOf('(first: 150)');
    const { page } = await pageOf(`(before: "${all.pageInfo.endCursor}")`);
    expect(page.nodes).toEqual(all.nodes.slice(49, 149));
    expect(page.pageInfo.hasPreviousPage).toBe(true);
  });

  test('successive pages cover every row once', async () => {
    const seen = new Set<string>();
    let cursor: string | undefined;
    do {
      const { page } = await pageOf(cursor ? `(first: 500, after: "${cursor}")` : '(first: 500)');
      for (const { id } of page.nodes) seen.add(id);
      cursor = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : undefined;
    } while (cursor);
    expect(seen.size).toBe(1200);
  });

  test('limits nested pages, too', async () => {
    const query = '{ tenants { nodes { sessions { nodes { id } } } } }';
    const { data } = await ask(api, query);
    expect(data.tenants.nodes[0].sessions.nodes).toHaveLength(100);
    const { errors } = await ask(
      api,
      'query ($n: Int) { tenants { nodes { sessions(first: $n) { nodes { id } } } } }',
      { n: 1_000_000 },
    );
    expect(errors).toMatchObject([
      { extensions: { code: 'HWINV', detail: { limit: 'first', most: 1000 } } },
    ]);
  });

  test.each([
    ['(first: 1001)', '`first` is 1001; it must be from 0 to 1000'],
    ['(last: 1001)', '`last` is 1001; it must be from 0 to 1000'],
    ['(first: -1)', '`first` is -1; it must be from 0 to 1000'],
    ['(offset: 10001)', '`offset` is 10001; it must be from 0 to 10000'],
    ['(offset: -1)', '`offset` is -1; it must be from 0 to 10000'],
    ['(first: 1, last: 1)', '`first` cannot be combined with `last` or `before`'],
    ['(last: 1, offset: 1)', '`last` and `before` cannot be combined with `after` or `offset`'],
  ])('rejects %s', async (args, message) => {
    const { errors } = await pageOf(args);
    expect(errors).toMatchObject([{ message, extensions: { code: 'HWINV' } }]);
  });

  test('every connection of the schema has a page limit', async () => {
    const { data } = await ask(
      api,
      '{ __schema { types { name fields { name type { ofType { name } name } args { name description } } } } }',
    );
    type Field = {
      name: string;
      type: { name?: string; ofType?: { name?: string } };
      args: { name: string; description: string }[];
    };
    const fields = data.__schema.types.flatMap(
      (type: { fields: Field[] | null }) => type.fields ?? [],
    );
    const connections = fields.filter(({ type }: Field) =>
      (type.name ?? type.ofType?.name ?? '').endsWith('Connection'),
    );
    expect(connections.length).toBeGreaterThan(30);
    for (const { args } of connections as Field[]) {
      const first = args.find(({ name }) => name === 'first');
      expect(first?.description).toContain('at most 1000');
    }
  });
});

describe('bytes read by an operation', () => {
  const MB = 1_000_000;
  let agent: string;
  let large: string;

  beforeAll(async () => {
    const { rows } = await db.pool.query(
      `insert into howdah.executions (agent_id, input, input_data)
       select howdah.agent('development'), 'large', jsonb_build_object('text', repeat('x', $1)) from generate_series(1, 12)
       returning id, agent_id`,
      [MB],
    );
    agent = rows[0].agent_id;
    large = rows[0].id;
    await db.pool.query(
      `insert into howdah.executions (agent_id, input, input_data)
       select $1, 'many', jsonb_agg('{}'::jsonb) from generate_series(1, 3) as n cross join generate_series(1, 100000) group by n`,
      [agent],
    );
  });

  const LARGE = 'orderBy: [ID_ASC]';
  const many = (count: number, field: (n: number) => string) =>
    Array.from({ length: count }, (_, n) => `f${n}: ${field(n)}`).join(' ');
  const limitError = (limit: string, most: number) => ({
    extensions: { code: 'HWINV', hint: expect.stringContaining('first'), detail: { limit, most } },
  });

  test('answers an operation that reads up to 10 MB', async () => {
    const { data } = await ask(api, `{ executions(first: 9, ${LARGE}) { nodes { inputData } } }`);
    expect(data.executions.nodes[8].inputData.text).toHaveLength(MB);
  });

  test.each([
    [
      'in one page',
      () => `executions(first: 12, ${LARGE}) { nodes { inputData } }`,
      ['executions'],
    ],
    [
      'in a page nested in another row, which is read without aggregation',
      () => `agent(id: "${agent}") { executions(first: 12, ${LARGE}) { nodes { inputData } } }`,
      ['agent', 'executions'],
    ],
    [
      'in several fields together',
      () => many(5, (n) => `executions(first: 3, offset: ${n}, ${LARGE}) { nodes { inputData } }`),
      undefined,
    ],
  ])('rejects an operation that reads more than 10 MB: %s', async (_what, fields, path) => {
    const { errors } = await ask(api, `{ ${fields()} }`);
    expect(errors[0]).toMatchObject(limitError('bytes', 10 * MB));
    if (path) expect(errors).toMatchObject([{ path }]);
    expect((await ask(api, '{ agents { totalCount } }')).errors).toEqual([]);
  });

  test('rejects an operation with more than 250,000 small values', async () => {
    const { errors } = await ask(
      api,
      `{ executions(first: 3, orderBy: [ID_DESC]) { nodes { inputData } } }`,
    );
    expect(errors).toMatchObject([limitError('values', 250_000)]);
  });

  test.each([
    ['under several aliases', () => `execution(id: "${large}") { ${many(11, () => 'inputData')} }`],
    ['in several fields', () => many(11, () => `execution(id: "${large}") { inputData }`)],
    [
      'in each row of a nested page',
      () =>
        `executions(first: 11) { nodes { agent { executions(first: 1, ${LARGE}) { nodes { inputData } } } } }`,
    ],
  ])('rejects an answer that repeats a value beyond 10 MB: %s', async (_what, fields) => {
    const { data, errors } = await ask(api, `{ ${fields()} }`);
    expect({ data, errors }).toMatchObject({ data: null, errors: [limitError('answer', 10 * MB)] });
  });

  test('a rejected answer states that its mutation took effect', async () => {
    const title = 'answered at length';
    const query = `mutation { startSession(input: { agent: "development", title: "${title}" }) { result { agent { executions(first: 1, ${LARGE}) { nodes { ${many(11, () => 'inputData')} } } } } } }`;
    const { errors } = await ask(api, query);
    expect(errors).toMatchObject([limitError('answer', 10 * MB)]);
    expect(errors[0]?.extensions.hint).toContain('The mutation is committed');
    const { rowCount } = await db.pool.query('select from howdah.sessions where title = $1', [
      title,
    ]);
    expect(rowCount).toBe(1);
  });

  test('nested pages count the columns of a row each time it is returned', async () => {
    const inner = (first: number, levels: number) =>
      Array.from({ length: levels }).reduce<string>(
        (fields) => `agent { executions(first: ${first}) { nodes { ${fields} } } }`,
        'id input status createdAt updatedAt trust priority runAt depth tokensIn tokensOut cost',
      );
    const query = (first: number, levels: number) =>
      `{ executions(first: ${first}) { nodes { ${inner(first, levels)} } } }`;
    // 12 + 12² + 12³ rows are returned; 12⁴ more rows have 250,000 columns
    expect((await ask(api, query(12, 2))).errors).toEqual([]);
    const { errors } = await ask(api, query(12, 3));
    expect(errors[0]).toMatchObject(limitError('cells', 250_000));
  });

  test('limits each event of a subscription separately; an oversized event is an error', async () => {
    const socket = openSocket(api);
    const id = (
      await db.pool.query(
        `insert into howdah.executions (agent_id, input) values ($1, 'followed') returning id`,
        [agent],
      )
    ).rows[0].id;
    const followed = follow(
      socket,
      `subscription ($id: UUID!) { executionUpdated(id: $id) { stepCount agent { executions(first: 6, ${LARGE}) { nodes { inputData } } } } }`,
      { id },
    );
    const beyond = follow(
      socket,
      `subscription ($id: UUID!) { executionUpdated(id: $id) { stepCount agent { executions(first: 12, ${LARGE}) { nodes { inputData } } } } }`,
      { id },
    );
    const run = await driveRun(db.pool, id);
    for (let step = 1; step <= 2; step += 1) {
      await until(() => followed.items.length >= step && beyond.errors.length >= step);
      await run.steps(1);
    }
    await run.finish();
    expect(await followed.end).toBe('completed');
    expect(await beyond.end).toBe('completed');
    expect(followed.errors).toEqual([]);
    expect(followed.items.length).toBeGreaterThanOrEqual(3);
    for (const error of beyond.errors) expect(error).toMatchObject(limitError('bytes', 10 * MB));
    await socket.client.dispose();
  });
});

/** Locks a table during each test of the group. Returns a function that unlocks it earlier. */
function lockEachTime(table: string): () => Promise<unknown> {
  let blocker: pg.PoolClient;
  const unlock = () => blocker.query('rollback');
  beforeEach(async () => {
    blocker = await db.pool.connect();
    await blocker.query(`begin; lock table ${table} in access exclusive mode`);
  });
  afterEach(async () => {
    await unlock();
    blocker.release();
  });
  return unlock;
}

describe('too many concurrent requests', () => {
  const SLOW = '{ agents { totalCount } }';
  const unlock = lockEachTime('howdah.agents');

  const slow = async () => {
    const response = await fetch(`${api.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: SLOW }),
    });
    return {
      status: response.status,
      retry: response.headers.get('retry-after'),
      body: await response.json(),
    };
  };

  test('two run per connection, some wait briefly, and the others get 503 at once', async () => {
    let ended = 0;
    const all = Array.from({ length: 10 }, async () => {
      const answer = await slow();
      ended += 1;
      return answer;
    });
    await until(() => ended >= 5);
    expect((await fetch(`${api.url}/healthz`)).status).toBe(200);
    await until(() => ended === 8);
    await unlock();
    const answers = await Promise.all(all);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, ...Array(8).fill(503)]);
    for (const { retry, body } of answers.filter(({ status }) => status === 503)) {
      expect(retry).toBe('1');
      expect(body).toMatchObject({
        errors: [
          {
            message: expect.stringContaining('too many requests at once'),
            extensions: { code: '53300', hint: expect.any(String) },
          },
        ],
      });
    }
    expect((await slow()).status).toBe(200);
  });

  test('operations on a socket are rejected in the same way', async () => {
    const socket = openSocket(api);
    const followed = Array.from({ length: 6 }, () => follow(socket, SLOW, {}));
    const failed = () => followed.filter(({ errors }) => errors.length > 0);
    await until(() => failed().length === 4);
    for (const { errors } of failed()) expect(errors[0]?.extensions.code).toBe('53300');
    await unlock();
    await Promise.all(followed.map(({ end }) => end));
    expect(followed.filter(({ items }) => items.length === 1)).toHaveLength(2);
    await socket.client.dispose();
  });

  test('a slow sender and a disconnected client occupy no slot', async () => {
    await unlock();
    const { hostname, port } = new URL(api.url);
    const head = `POST /graphql HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\n`;
    const slowOnes = Array.from({ length: 10 }, () => {
      const socket = connect(Number(port), hostname);
      socket.write(`${head}content-length: 1000\r\n\r\n{`);
      return socket;
    });
    await Promise.all(
      slowOnes.map((one) => new Promise((resolve) => one.once('connect', resolve))),
    );
    expect((await slow()).status).toBe(200);
    for (const one of slowOnes) one.destroy();
    expect((await slow()).status).toBe(200);
  });

  test('operations that never execute leave no slot occupied', async () => {
    await unlock();
    for (let i = 0; i < 10; i += 1) expect((await ask(api, '{ nothing }')).status).toBe(400);
    expect((await slow()).status).toBe(200);
  });
});

describe('fair shares of tenants', () => {
  const SLOW = '{ sessions { totalCount } }';
  const QUICK = '{ agents { nodes { name } } }';
  let shared: ApiServer;
  let acme: string;
  let blue: string;
  const unlock = lockEachTime('howdah.sessions');

  beforeAll(async () => {
    shared = await startTestApi(db.url, {
      ...tokenOptions,
      bounds: { connections: 4, waiting: 20, waitMs: 600_000 },
    });
    const tokenOf = async (name: string) =>
      tokenFor(await makePerson(db.pool, name, await makeTenant(db.pool)));
    acme = await tokenOf('ada');
    blue = await tokenOf('bob');
  });
  afterAll(() => shared?.close());

  /** Returns the statements of the API that wait for the lock. */
  const countBlocked = async () => {
    const { rowCount } = await db.pool.query(
      `select from pg_stat_activity where application_name = 'howdah-api' and wait_event_type = 'Lock'
         and datname = current_database()`,
    );
    return rowCount;
  };
  const read = async (token: string, signal: AbortSignal) => {
    const response = await fetch(`${shared.url}/sessions`, {
      headers: { authorization: `Bearer ${token}` },
      signal,
    });
    return response.status;
  };

  test.each<[string, (signal: AbortSignal) => Promise<unknown>]>([
    ['GraphQL queries', () => ask(shared, SLOW, {}, acme)],
    [
      'fields in one GraphQL query',
      () =>
        ask(
          shared,
          `{ ${Array.from({ length: 8 }, (_, n) => `f${n}: sessions(offset: ${n}) { totalCount }`).join(' ')} }`,
          {},
          acme,
        ),
    ],
    ['REST reads', (signal) => read(acme, signal)],
  ])('a flood of %s from one tenant leaves room for another tenant', async (_what, flood) => {
    const leaving = new AbortController();
    const answered: unknown[] = [];
    const floods = Array.from({ length: 60 }, () =>
      flood(leaving.signal).then(
        (answer) => answered.push(answer),
        () => {},
      ),
    );
    await until(async () => ((await countBlocked()) ?? 0) >= 2); // the limit of one tenant
    // requests beyond the limit are rejected: those of the tenant with too many, and no others
    await until(() => answered.length >= 60 - 20 - 8);
    for (let round = 0; round < 3; round += 1) {
      const both = [ask(shared, QUICK, {}, blue), ask(shared, QUICK, {}, blue)];
      for (const { data } of await Promise.all(both)) expect(data.agents.nodes).not.toEqual([]);
    }
    expect((await fetch(`${shared.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${shared.url}/readyz`)).status).toBe(200);
    expect(answered.length).toBeLessThan(60);
    leaving.abort();
    await unlock();
    await Promise.all(floods);
  });

  test('a client disconnect cancels the read in Postgres and releases its connection', async () => {
    const query = (signal: AbortSignal) =>
      fetch(`${shared.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${acme}` },
        body: JSON.stringify({ query: SLOW }),
        signal,
      });
    for (const slow of [query, (signal: AbortSignal) => read(acme, signal)]) {
      const leaving = new AbortController();
      const all = Array.from({ length: 8 }, () => slow(leaving.signal).catch(() => {}));
      await until(async () => ((await countBlocked()) ?? 0) >= 2); // the limit of one tenant
      leaving.abort();
      await Promise.all(all);
      await until(async () => (await countBlocked()) === 0); // while the lock is held
      const { data } = await ask(shared, QUICK, {}, acme);
      expect(data.agents.nodes).not.toEqual([]);
    }
  });
});

describe('request queue', () => {
  const caller = { tenantId: 't', userId: undefined };

  test('serves callers in order, and a caller that leaves makes room', async () => {
    const { enter, run } = createRequestQueue({ connections: 0.5, waiting: 2, waitMs: 60_000 });
    const first = enter(caller);
    const second = enter(caller);
    const order: string[] = [];
    const third = run(caller, async () => order.push('third'));
    expect(() => enter(caller)).toThrow(expect.objectContaining({ code: '53300' }));
    second.turn.then(
      () => order.push('second'),
      () => order.push('second left'),
    );
    second.leave();
    second.leave();
    const fourth = run(caller, async () => order.push('fourth'));
    await first.turn;
    first.leave();
    first.leave();
    await Promise.all([third, fourth]);
    expect(order).toEqual(['second left', 'third', 'fourth']);
  });

  test('rejects a caller after the maximum wait, and continues', async () => {
    const { enter, run } = createRequestQueue({ connections: 0.5, waiting: 1, waitMs: 20 });
    const first = enter(caller);
    await expect(run(caller, async () => 'late')).rejects.toMatchObject({ code: '53300' });
    first.leave();
    expect(await run(caller, async () => 'done')).toBe('done');
  });

  test('makes room when the work fails', async () => {
    const { run } = createRequestQueue({ connections: 0.5, waiting: 0, waitMs: 20 });
    const failing = async () => {
      throw new Error('no');
    };
    await expect(run(caller, failing)).rejects.toThrow('no');
    expect(await run(caller, async () => 'done')).toBe('done');
  });
});
