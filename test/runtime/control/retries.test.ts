import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  type FakeAnswer,
  type FakeServer,
  startOpenAiServer,
} from '../../../chaos/load/openai-server.ts';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import type { Json } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startServer } from '../../tools/servers.ts';
import {
  callTools,
  type Execution,
  executionOf,
  insertRun,
  kindsOf,
  type ModelSpec,
  makeAgent,
  messagesOf,
  resultsOf,
  runToEnd,
  stepsOf,
  waitForEnd,
} from '../arrange.ts';

const database = testDatabase();
let worker: Worker;
const servers: FakeServer[] = [];
/** Times of the calls of a tool, by its argument. */
const calls = new Map<string, { at: number; key: string }[]>();

/** Throws the given error for the given number of calls, and then answers. */
const flaky: CustomTool = {
  name: 'flaky',
  description: 'Fails at first.',
  parameters: { type: 'object' },
  run(args, { idempotency_key }) {
    const seen = calls.get(String(args.id)) ?? [];
    calls.set(String(args.id), [...seen, { at: Date.now(), key: idempotency_key }]);
    if (seen.length < Number(args.times)) {
      throw Object.assign(new Error(`failure ${seen.length + 1}`), args.error);
    }
    return 'at last';
  },
};

const verbose: CustomTool = {
  name: 'verbose',
  description: 'Says much.',
  parameters: { type: 'object' },
  run: () => 'word '.repeat(4_000),
};

beforeAll(async () => {
  worker = await startTestWorker(database.url, {
    tools: [flaky, verbose],
    egressAllow: ['127.0.0.1'],
  });
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});
afterAll(async () => {
  await worker.stop(1_000);
});

/** Starts a run that calls the flaky tool once. */
async function callFlaky(id: string, times: number, error: Json): Promise<string> {
  const script = [
    callTools({ name: 'flaky', arguments: { id, times, error } }),
    { content: 'done' },
  ];
  return insertRun(database.pool, await makeAgent(database.pool, { script, tools: ['flaky'] }));
}

const retriesOf = async (id: string) =>
  (await stepsOf(database.pool, id)).filter(({ kind }) => kind === 'retry');

function waitUntilParked(id: string): Promise<Execution & { parked_ms: number }> {
  return eventually<Execution & { parked_ms: number }>(
    database.pool,
    'the run is parked',
    `select *, extract(epoch from wake_at - updated_at)::float8 * 1000 as parked_ms from howdah.executions where id = $1 and status = 'waiting' and waiting_for = 'timer'`,
    [id],
  );
}

describe('a tool with a retryable error', () => {
  test('is called again under the same key; the log has every attempt with its delay', async () => {
    const id = await callFlaky('two', 2, { retryable: true, code: 'overloaded' });
    expect((await waitForEnd(database.pool, id)).output).toBe('done');
    expect(await kindsOf(database.pool, id)).toBe('model retry retry tool model output');
    const retries = await retriesOf(id);
    for (const [index, retry] of retries.entries()) {
      expect(retry).toMatchObject({
        name: 'flaky',
        call_id: expect.any(String),
        input: { attempt: index + 1 },
        error: { code: 'overloaded', message: `failure ${index + 1}`, retryable: true },
      });
      const { delay_ms } = retry.output as { delay_ms: number };
      expect(delay_ms).toBeGreaterThanOrEqual(0);
      expect(delay_ms).toBeLessThanOrEqual(500 * 2 ** index); // full jitter
      const seen = calls.get('two') ?? [];
      const waited = (seen[index + 1]?.at ?? 0) - (seen[index]?.at ?? 0);
      expect(waited).toBeGreaterThanOrEqual(delay_ms - 1);
    }
    expect(new Set(calls.get('two')?.map(({ key }) => key)).size).toBe(1);
    expect(await resultsOf(database.pool, id)).toEqual(['at last']);
  });

  test.each([
    ['overloaded', 4],
    ['nonsense', 4],
    ['timeout', 2],
  ])(
    'returns an error to the model after its last attempt: %s, %i attempts',
    async (code, attempts) => {
      const id = await callFlaky(code, 9, { retryable: true, code });
      expect((await waitForEnd(database.pool, id)).status).toBe('completed');
      expect(calls.get(code)).toHaveLength(attempts);
      expect(await retriesOf(id)).toHaveLength(attempts - 1);
      const [result] = await resultsOf(database.pool, id);
      expect(JSON.parse(result ?? '')).toMatchObject({
        error: { code: code === 'nonsense' ? 'tool_failed' : code, message: `failure ${attempts}` },
      });
    },
  );

  test.each<[string, Json]>([
    ['says nothing of it', {}],
    ['says no', { retryable: false, code: 'overloaded' }],
    ['says it in other words', { retryable: 'yes' }],
    ['lost its connection', { code: 'ECONNRESET' }],
  ])('is not called again when it %s', async (what, error) => {
    const id = await callFlaky(what, 9, error);
    await waitForEnd(database.pool, id);
    expect(calls.get(what)).toHaveLength(1);
    expect(await kindsOf(database.pool, id)).toBe('model tool model output');
  });

  test('is not called before its requested delay', async () => {
    const error = { retryable: true, code: 'rate_limited', retry_after_ms: 1200 };
    const id = await callFlaky('later', 1, error);
    expect((await waitForEnd(database.pool, id)).status).toBe('completed');
    const [first, second] = calls.get('later') ?? [];
    // timers count whole milliseconds
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(1200 - 1);
    expect((await retriesOf(id))[0]?.error?.retry_after_ms).toBe(1200);
  });

  test('parks its run for a long delay; no worker holds it, and no wake-up comes earlier', async () => {
    const error = { retryable: true, code: 'rate_limited', retry_after_ms: 3_600_000 };
    const id = await callFlaky('long', 1, error);
    const { parked_ms, owner_worker } = await waitUntilParked(id);
    expect(owner_worker).toBeNull();
    expect(parked_ms).toBeGreaterThan(3_500_000);
    await expect.poll(() => worker.inFlight).toBe(0);
    const { fence } = await executionOf(database.pool, id);
    await database.pool.query('update howdah.executions set wake_at = now() where id = $1', [id]);
    await database.pool.query('select howdah_private.enqueue_advance(array[$1::uuid])', [id]);
    await eventually(
      database.pool,
      'it was looked at and waits again',
      `select from howdah.executions where id = $1 and fence > $2 and status = 'waiting'
         and wake_at > now() + interval '58 minutes'`,
      [id, fence],
    );
    expect(calls.get('long')).toHaveLength(1);
    await database.pool.query('select howdah.cancel_execution($1)', [id]);
    await database.pool.query('select howdah.retry_execution($1)', [id]);
    // a manual retry does not wait
    expect((await waitForEnd(database.pool, id)).output).toBe('done');
  });

  test('beside another with a shorter delay: each keeps its own delay', async () => {
    const { pool } = database;
    const rateLimitedCall = (id: string, retry_after_ms: number) => ({
      name: 'flaky',
      arguments: { id, times: 1, error: { retryable: true, code: 'rate_limited', retry_after_ms } },
    });
    const script = [
      callTools(rateLimitedCall('short', 2_300), rateLimitedCall('longer', 3_600)),
      { content: 'ok' },
    ];
    const run = await runToEnd(pool, await makeAgent(pool, { script, tools: ['flaky'] }));
    expect(run.status).toBe('completed');
    const pauseOf = (id: string) => (calls.get(id)?.[1]?.at ?? 0) - (calls.get(id)?.[0]?.at ?? 0);
    expect(pauseOf('short')).toBeGreaterThanOrEqual(2_300);
    expect(pauseOf('longer')).toBeGreaterThanOrEqual(3_600);
    expect([calls.get('short')?.length, calls.get('longer')?.length]).toEqual([2, 2]);
  });
});

describe('http_request', () => {
  test.each<[string, () => string, number]>([
    ['seconds', () => '1', 999],
    ['a date', () => new Date(Date.now() + 2_000).toUTCString(), 900],
  ])('waits for Retry-After in %s', async (_what, after, atLeast) => {
    const times: number[] = [];
    const server = await startServer((_request, response) => {
      times.push(Date.now());
      if (times.length > 1) response.end('fine');
      else response.writeHead(503, { 'retry-after': after() }).end('busy');
    });
    const script = [
      callTools({ name: 'http_request', arguments: { url: server.url } }),
      { content: 'done' },
    ];
    const agent = await makeAgent(database.pool, { script, tools: ['http_request'] });
    const { id, status } = await runToEnd(database.pool, agent);
    expect(status).toBe('completed');
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(atLeast);
    expect(await kindsOf(database.pool, id)).toBe('model retry tool model output');
  });
});

describe('a tool written in SQL', () => {
  test.each(['40001', '40P01'])(
    'that fails with a conflict (%s) is rolled back and called again',
    async (state) => {
      const { pool } = database;
      const name = `race_${state.toLowerCase()}`;
      await pool.query(`
      create schema if not exists shop;
      create sequence shop.${name}_calls;
      create table shop.${name}_rows (n int);
      grant usage on sequence shop.${name}_calls to howdah_app;
      grant insert on shop.${name}_rows to howdah_app;
      create function shop.${name}() returns text language plpgsql as $$
      begin
        insert into shop.${name}_rows values (1);
        if nextval('shop.${name}_calls') < 3 then
          raise exception using errcode = '${state}', message = 'lost';
        end if;
        return 'won';
      end $$;
      select howdah.register_sql_tool('shop.${name}()')`);
      const script = [callTools({ name }), { content: 'done' }];
      const { id } = await runToEnd(pool, await makeAgent(pool, { script, tools: [name] }));
      expect(await kindsOf(pool, id)).toBe('model retry retry tool model output');
      expect(await resultsOf(pool, id)).toEqual(['won']);
      expect((await retriesOf(id))[0]?.error).toMatchObject({ cause: { sqlstate: state } });
      expect((await pool.query(`select from shop.${name}_rows`)).rowCount).toBe(1);
    },
  );

  test('parks for ten seconds while the disk of the database is full, and is called again', async () => {
    const { pool } = database;
    await pool.query(`
      create schema if not exists shop;
      create sequence shop.full_calls;
      grant usage on sequence shop.full_calls to howdah_app;
      create function shop.write_much() returns text language plpgsql as $$
      begin
        if nextval('shop.full_calls') < 2 then
          raise exception using errcode = '53100', message = 'No space left on device';
        end if;
        return 'written';
      end $$;
      select howdah.register_sql_tool('shop.write_much()')`);
    const script = [callTools({ name: 'write_much' }), { content: 'done' }];
    const id = await insertRun(pool, await makeAgent(pool, { script, tools: ['write_much'] }));
    expect((await waitUntilParked(id)).parked_ms).toBeGreaterThan(5_000);
    await pool.query('select howdah.cancel_execution($1)', [id]);
    await pool.query('select howdah.retry_execution($1)', [id]); // a manual retry does not wait
    expect((await waitForEnd(pool, id)).status).toBe('completed');
    expect(await resultsOf(pool, id)).toEqual(['written']);
    expect((await retriesOf(id))[0]?.error).toMatchObject({
      code: 'overloaded',
      cause: { sqlstate: '53100' },
    });
  });
});

describe('a model', () => {
  async function startModel(answers: FakeAnswer[]): Promise<ModelSpec & { server: FakeServer }> {
    const server = await startOpenAiServer(answers);
    servers.push(server);
    return { provider: 'openai', base_url: server.url, server };
  }
  const ok: FakeAnswer = { content: 'Here it is.' };

  test('falls back to the next at once on a content filter, whether it rejects or stops', async () => {
    const refusing = {
      status: 400,
      error: { message: 'filtered', code: 'content_filter' },
    };
    for (const answer of [refusing, { content: '', finish_reason: 'content_filter' }]) {
      const [first, second] = [await startModel([answer]), await startModel([ok])];
      const agent = await makeAgent(database.pool, { models: [first, second] });
      const run = await runToEnd(database.pool, agent);
      expect(run).toMatchObject({ status: 'completed', output: 'Here it is.' });
      expect(await kindsOf(database.pool, run.id)).toBe('retry model output');
      expect((await retriesOf(run.id))[0]?.error?.code).toBe('content_filtered');
      expect(first.server.requests).toHaveLength(1);
    }
  });

  test('falls back at once when its key is rejected, and the log shows the reason', async () => {
    const [first, second] = [await startModel([{ status: 401 }]), await startModel([ok])];
    const agent = await makeAgent(database.pool, { models: [first, second] });
    const run = await runToEnd(database.pool, agent);
    expect(run.status).toBe('completed');
    expect(await retriesOf(run.id)).toMatchObject([
      { error: { code: 'unauthorized', retryable: false }, output: { delay_ms: 0 } },
    ]);
  });

  test('that breaks off repeatedly is called again, and nothing is counted twice', async () => {
    const half = { content: 'Half of it', cut: { after: 200, how: 'reset' as const } };
    const model = await startModel([half, half, ok]);
    const run = await runToEnd(
      database.pool,
      await makeAgent(database.pool, { models: [{ ...model, input_price: 1, output_price: 1 }] }),
    );
    expect(run).toMatchObject({ output: 'Here it is.', tokens_in: '11', tokens_out: '7' });
    expect(Number(run.cost)).toBeCloseTo(18 / 1e6, 9);
    const messages = await messagesOf(database.pool, run.id);
    expect(messages.map(({ content }) => content)).toEqual(['hello', 'Here it is.']);
    expect((await retriesOf(run.id)).map(({ input }) => input)).toMatchObject([
      { attempt: 1 },
      { attempt: 2 },
    ]);
  });

  test.each(['trim', 'none'] as const)(
    'recovers from a context that is too long, policy %s',
    async (context_policy) => {
      const tooLong = { status: 400, error: { message: 'maximum context length is 10 tokens' } };
      const call = { tool_calls: [{ name: 'verbose', arguments: {} }] };
      const [first, second] = [await startModel([call, tooLong, ok]), await startModel([ok])];
      const agent = await makeAgent(database.pool, {
        models: [first, second],
        context_policy,
        tools: ['verbose'],
      });
      const run = await runToEnd(database.pool, agent);
      expect(run.status).toBe('completed');
      const sizes = first.server.requests.map(({ body }) => JSON.stringify(body).length);
      if (context_policy === 'trim') {
        expect(sizes[2]).toBeLessThan((sizes[1] ?? 0) * 0.8);
        expect(second.server.requests).toHaveLength(0);
      } else {
        expect(sizes).toHaveLength(2);
        expect(second.server.requests).toHaveLength(1);
      }
    },
  );
});

test('a retry is due by the database clock, whatever the clock of the failed worker', async () => {
  const { pool } = database;
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => performanceNow() + 3_600_000);
  const id = await callFlaky('skewed', 1, { retryable: true, retry_after_ms: 2_500 });
  await eventually(
    pool,
    'the run is parked until its retry',
    `select from howdah.executions where id = $1 and waiting_for = 'timer'`,
    [id],
  );
  clock.mockRestore(); // the retry uses the correct clock
  const run = await waitForEnd(pool, id);
  expect(run.status).toBe('completed');
  const [first, second] = await retriesAndResult(id);
  expect(second.getTime() - first.getTime()).toBeGreaterThanOrEqual(2_500);
});

const performanceNow = (): number => performance.timeOrigin + performance.now();

/**
 * Returns the time at which the attempt failed and the time at which the next one started, by the
 * clock of the database.
 */
async function retriesAndResult(id: string): Promise<[Date, Date]> {
  const steps = await stepsOf(database.pool, id);
  const at = (kind: string): Date => steps.find((step) => step.kind === kind)?.finished_at as Date;
  return [at('retry'), at('tool')];
}
