import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createLogFeed } from '../../../../src/api/events/log-events.ts';
import { transactionOfTenant } from '../../../../src/api/events/stream-sources.ts';
import { createRequestQueue } from '../../../../src/api/http/request-queue.ts';
import { defaultServerLimits } from '../../../../src/api/http/server-limits.ts';
import { createConnections } from '../../../../src/api/limits/connections.ts';
import { openRequests } from '../../../../src/api/pools.ts';
import type { ApiServer } from '../../../../src/api/server.ts';
import { connect } from '../../../../src/client/connect.ts';
import { MAX_BUFFERED } from '../../../../src/db/followers/subscriber.ts';
import type { Worker } from '../../../../workers/start-worker.ts';
import { runCli } from '../../../cli/run-cli.ts';
import { makeAgent } from '../../../runtime/arrange.ts';
import { all, makeRun, one, unique } from '../../../sql/support.ts';
import { eventually, testDatabase } from '../../../support/database.ts';
import { startTestWorker } from '../../../support/worker.ts';
import { startTestApi } from '../../harness.ts';
import { tokenOptions } from '../../subscriptions/tokens.ts';
import { call } from '../call.ts';
import { openStream } from '../events.ts';

const db = testDatabase();
let api: ApiServer;
let worker: Worker;
let steps: number;
let agent: string;

beforeAll(async () => {
  await runCli(db.url, 'generate', '--executions', '500');
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url);
  agent = await makeAgent(db.pool, { script: [{ content: 'Hello.' }] });
  steps = Number((await one(db.pool, 'select count(*) as steps from howdah.steps')).steps);
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

const keyOf = (line: { execution_id: string; seq: number }) => `${line.execution_id} ${line.seq}`;

async function ranOf(): Promise<string> {
  const { id } = await one(
    db.pool,
    `insert into howdah.executions (agent_id, input) values ($1, 'Hi') returning id::uuid as id`,
    [agent],
  );
  await eventually(
    db.pool,
    'it ends',
    'select from howdah.executions where id = $1 and completed_at is not null',
    [id],
  );
  return id;
}

test('pages contain each line once, newest first', async () => {
  const received: { execution_id: string; seq: number; finished_at: string }[] = [];
  let path: string | undefined = '/api/steps?since=2000-01-01T00:00:00Z&limit=700';
  while (path !== undefined) {
    const { status, body, headers } = await call(api, 'GET', path);
    expect(status, JSON.stringify(body)).toBe(200);
    received.push(...body.data);
    path = /<(.*)>; rel="next"/.exec(headers.get('link') ?? '')?.[1];
    if (body.next === null) expect(path).toBeUndefined();
  }
  expect(received).toHaveLength(steps);
  expect(new Set(received.map(keyOf)).size).toBe(steps);
  const times = received.map(({ finished_at }) => Date.parse(finished_at));
  expect(times).toEqual(times.toSorted((a, b) => b - a));
});

test('a stream sends each line once, oldest first, then new ones; it resumes after an id', async () => {
  const stream = await openStream(api, '/api/steps/stream?since=2000-01-01T00:00:00Z');
  try {
    const id = await ranOf();
    await stream.when(({ data }) => data.execution_id === id && data.seq === 2);
    const received = stream.events.map(({ data }) => data);
    expect(new Set(received.map(keyOf)).size).toBe(received.length);
    expect(received).toHaveLength(steps + 2);
    const old = received.slice(0, steps).map(({ finished_at }) => Date.parse(finished_at));
    expect(old).toEqual(old.toSorted((a, b) => a - b));
    const middle = stream.events.at(Math.floor(steps / 2));
    const rest = await openStream(api, '/api/steps/stream?since=2000-01-01T00:00:00Z', {
      lastEventId: middle?.id ?? '',
    });
    await rest.when(({ data }) => data.execution_id === id && data.seq === 2);
    rest.close();
    const from = Date.parse(middle?.data.finished_at) - 60_000;
    const due = received.filter(({ finished_at }) => Date.parse(finished_at) >= from).map(keyOf);
    expect(due.length).toBeLessThan(received.length);
    expect(rest.events.map(({ data }) => keyOf(data)).toSorted()).toEqual(due.toSorted());
  } finally {
    stream.close();
  }
});

test('many streams of a log need no more transactions than one', async () => {
  const STREAMS = 40;
  const path = `/api/steps/stream?agent_id=${agent}&since=1s`;
  const streams = await Promise.all(Array.from({ length: STREAMS }, () => openStream(api, path)));
  const allHave = (id: string) =>
    Promise.all(
      streams.map((one) => one.when(({ data }) => data.execution_id === id && data.seq === 2)),
    );
  try {
    await allHave(await ranOf()); // each has read the existing lines
    const connect = vi.spyOn(pg.Pool.prototype, 'connect');
    await allHave(await ranOf());
    const pools = connect.mock.contexts as { options: { application_name?: string } }[];
    connect.mockRestore();
    const taken = pools.filter(({ options }) => options.application_name === 'howdah-api');
    expect(taken.length).toBeGreaterThan(0);
    expect(taken.length).toBeLessThan(STREAMS);
    for (const { events } of streams) {
      const keys = events.map(({ data }) => keyOf(data));
      expect(new Set(keys).size).toBe(keys.length);
    }
  } finally {
    for (const stream of streams) stream.close();
  }
});

test('a stream that falls behind continues from its own place, and holds up no other', async () => {
  const pool = openRequests({ url: db.url }, 2);
  const { id: tenantId } = await one(db.pool, 'select howdah.current_tenant() as id');
  const log = createLogFeed({
    transaction: transactionOfTenant({
      connections: createConnections(pool),
      requestQueue: createRequestQueue(defaultServerLimits),
    }),
    sees: async () => true,
    decryptRows: async (rows) => [...rows],
  });
  try {
    const viewer = { tenantId, userId: undefined, role: 'owner' } as const;
    const begin = await one(db.pool, `select now() - interval '1 second' as at`);
    const all = log.follow(viewer, { filter: {}, since: new Date(0) });
    const slow = log.follow(viewer, { filter: {}, since: new Date(0) });
    const quick = log.follow(viewer, { filter: { agent }, since: begin.at });
    const known = (await one(db.pool, 'select count(*)::int as steps from howdah.steps')).steps;
    expect(known).toBeGreaterThan(MAX_BUFFERED);
    const id = await ranOf();
    const take = async (events: typeof all) => {
      const keys: string[] = [];
      for await (const { data } of events) {
        keys.push(keyOf(data as { execution_id: string; seq: number }));
        if (data.execution_id === id && data.seq === 2) break;
      }
      return keys;
    };
    expect(await take(quick)).toContain(`${id} 2`);
    for (const keys of [await take(all), await take(slow)]) {
      expect(keys).toHaveLength(known + 2);
      expect(new Set(keys).size).toBe(known + 2);
    }
  } finally {
    await pool.end();
  }
});

test('the stream of one run ends with the run', async () => {
  const id = await ranOf();
  const later = await makeRun(db.pool, { run_at: '2100-01-01' });
  const stream = await openStream(api, `/api/steps/stream?execution_id=${id}&since=1d`);
  await stream.end;
  expect(stream.events.map(({ event, data }) => [event, data.seq])).toEqual([
    ['step', 1],
    ['step', 2],
    ['complete', undefined],
  ]);
  const none = await call(api, 'GET', `/api/steps?execution_id=${later}`);
  expect(none.body).toMatchObject({ data: [], next: null });
});

test('the client follows new lines until it is aborted', async () => {
  const leaving = new AbortController();
  const howdah = connect(api.url, { signal: leaving.signal });
  const seen: string[] = [];
  const following = (async () => {
    for await (const { execution_id, seq } of howdah.log({ agent_id: agent })) {
      seen.push(`${execution_id} ${seq}`);
      if (seen.length === 4) leaving.abort();
    }
  })();
  // the stream starts with its request: runs made before may be missing, runs made after are sent
  while (seen.length < 4) await ranOf();
  await following;
  expect(new Set(seen).size).toBe(seen.length);
});

test('steps include their text on request', async () => {
  const id = await ranOf();
  const { body } = await call(api, 'GET', `/api/executions/${id}/steps?said=true`);
  const [row] = await all(
    db.pool,
    `select string_agg(content, E'\\n' order by seq) as said from howdah.messages where execution_id = $1 and step_seq = 1`,
    [id],
  );
  expect(body.data[0]).toMatchObject({ said: row?.said, calls: null });
  const plain = await call(api, 'GET', `/api/executions/${id}/steps`);
  expect(plain.body.data[0]).not.toHaveProperty('said');
});

const NOBODY = '01a1f805-7e9f-729f-9dc6-14d018338ca2';
test.each([
  ['since=yesterday', 400, 'since'],
  ['since=10', 400, 'since'],
  ['status=done', 400, 'status'],
  ['errors=yes', 400, 'errors'],
  ['agent=greeter', 400, 'agent'],
  [`execution_id=${NOBODY}&agent_id=${NOBODY}`, 400, 'agent_id'],
  [`execution_id=${NOBODY}`, 404, undefined],
  [`session_id=${NOBODY}`, 404, undefined],
])('%s is %i', async (query, status, field) => {
  for (const path of ['/api/steps', '/api/steps/stream']) {
    const since = query.startsWith('since') ? '' : '&since=1h';
    const answer = await call(api, 'GET', `${path}?${query}${since}`);
    expect(answer.status).toBe(status);
    expect(answer.body.field).toBe(field);
    expect(answer.body.hint).toEqual(expect.any(String));
  }
});

test('a caller who loses access to an agent sees no lines, and its stream ends', async () => {
  const guarded = await startTestApi(db.url, tokenOptions);
  try {
    const made = await runCli(db.url, 'key', 'create', unique('desk'), '--role', 'member');
    const token = made.stdout.trim();
    const later = await makeRun(db.pool, { agent_id: agent, run_at: '2100-01-01' });
    const id = await ranOf();
    const list = `/api/steps?agent_id=${agent}&since=1d`;
    expect((await call(guarded, 'GET', list, undefined, { token })).body.data).not.toEqual([]);
    const path = `/api/steps/stream?execution_id=${later}&since=1d`;
    const stream = await openStream(guarded, path, { token });
    expect(stream.status).toBe(200);
    const admin = await runCli(db.url, 'key', 'create', unique('desk'), '--role', 'admin');
    const log = `/api/steps/stream?agent_id=${agent}&since=1s`;
    const his = await openStream(guarded, log, { token });
    const hers = await openStream(guarded, log, { token: admin.stdout.trim() });
    const first = await ranOf();
    for (const one of [his, hers]) {
      // from here on both get the lines of the same reads
      await one.when(({ data }) => data.execution_id === first && data.seq === 2);
    }
    await db.pool.query(
      `insert into howdah.grants (agent_id, role, permission) values ($1, 'admin', 'run')`,
      [agent],
    );
    await stream.end;
    expect(stream.events).toMatchObject([{ event: 'error', data: { code: 'HWNTF', status: 404 } }]);
    const hidden = await ranOf();
    await hers.when(({ data }) => data.execution_id === hidden && data.seq === 2);
    expect((await call(guarded, 'GET', list, undefined, { token })).body.data).toEqual([]);
    for (const of of ['row', 'tree', 'questions', 'steps']) {
      const answer = await call(guarded, 'GET', `/api/executions/${id}/${of}`, undefined, {
        token,
      });
      expect(answer, of).toMatchObject({ status: 404, body: { code: 'HWNTF' } });
    }
    await db.pool.query('delete from howdah.grants where agent_id = $1', [agent]);
    const shown = await ranOf();
    await his.when(({ data }) => data.execution_id === shown && data.seq === 2);
    expect(his.events.map(({ data }) => data.execution_id)).not.toContain(hidden);
    his.close();
    hers.close();
  } finally {
    await db.pool.query('delete from howdah.grants where agent_id = $1', [agent]);
    await guarded.close();
  }
});

test('invalid cursors and event ids are rejected', async () => {
  const page = await call(api, 'GET', '/api/steps?cursor=abc');
  expect(page).toMatchObject({ status: 400, body: { field: 'cursor' } });
  for (const id of ['1.2', 'soon']) {
    const headers = { 'last-event-id': id };
    const stream = await call(api, 'GET', '/api/steps/stream?since=1h', undefined, { headers });
    expect(stream).toMatchObject({ status: 400, body: { field: 'Last-Event-ID' } });
  }
});
