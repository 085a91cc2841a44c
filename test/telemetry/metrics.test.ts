import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startMetricsServer } from '../../src/api/health/metrics-server.ts';
import type { ApiServer } from '../../src/api/server.ts';
import type { ObserveRun } from '../../src/contracts/runs/run-observer.ts';
import type { StepRecord } from '../../src/contracts/runs/step.ts';
import { createPool, type Pool } from '../../src/db/connection/pool.ts';
import { figuresOn } from '../../src/db/operations/metric-queries.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts';
import { createReadiness } from '../../src/telemetry/readiness.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { startTestApi } from '../api/harness.ts';
import { makeAgent, runToEnd } from '../runtime/arrange.ts';
import { testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';

const TOKEN = 'a-token-of-the-monitoring';
const readiness = createReadiness(() => {});

const database = testDatabase();
let pool: Pool;
let metrics: Metrics;
let worker: Worker;
let api: ApiServer;

beforeAll(async () => {
  pool = createPool({
    ...{ url: database.url, applicationName: 'test', max: 1, role: 'howdah_worker' },
  });
  metrics = createMetrics(figuresOn(pool));
  worker = await startTestWorker(database.url, { metrics, observe: metrics.observeRun });
  api = await startTestApi(database.url, { metrics });
});
afterAll(async () => {
  await api.close();
  await worker.stop(1_000);
  await pool.end();
});

/** Returns the value of each series of a metric, by its labels. */
function series(text: string, name: string): Record<string, number> {
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return Object.fromEntries(
    lines.map((line) => {
      const [, labels = '', value] = /^\w+(\{.*\})? (\S+)$/.exec(line) ?? [];
      return [labels, Number(value)];
    }),
  );
}

/** Reports a model answer with 1000 input tokens and 500 output tokens. */
async function answerOf(
  to: Metrics,
  model: { id: string | null; name: string; provider: string },
  usage: JsonObject = {},
) {
  const { id: model_id, name } = model;
  const run = { definition: { models: [model] } } as unknown as Parameters<ObserveRun>[0];
  const observer = await to.observeRun(run);
  const tokens = { tokens_in: 1_000, tokens_out: 500 };
  const step: StepRecord = { kind: 'model', name, model_id, ...tokens, output: { usage } };
  observer?.onCommit({ steps: [step], to: undefined, status: 'running' });
}

const read = async (headers: Record<string, string> = {}, url = `${api.url}/metrics`) => {
  const response = await fetch(url, { headers });
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    text: await response.text(),
  };
};

test('run metrics count steps, ends, retries, tokens, and cost at the price of the model', async () => {
  const agent = await makeAgent(database.pool, {
    models: [
      {
        script: [
          { error: { code: 'overloaded' }, times: 1 },
          { content: 'forty-two', usage: { tokens_in: 1_000, tokens_out: 500 } },
        ],
        input_price: 2,
        output_price: 8,
      },
    ],
  });
  await runToEnd(database.pool, agent, 'what is it?');
  await expect // the database knows the end of a run before the process does
    .poll(async () => series(await metrics.text(), 'howdah_runs_ended_total'))
    .toEqual({ '{status="completed",stop_reason="final_answer"}': 1 });
  const { status, type, text } = await read();
  expect({ status, type }).toEqual({
    status: 200,
    type: 'text/plain; version=0.0.4; charset=utf-8',
  });
  expect(series(text, 'howdah_steps_total')).toMatchObject({
    '{kind="model"}': 1,
    '{kind="retry"}': 1,
    '{kind="output"}': 1,
  });
  expect(series(text, 'howdah_retries_total')).toEqual({ '{of="model",code="overloaded"}': 1 });
  expect(series(text, 'howdah_tokens_total')).toEqual({
    '{provider="scripted",type="input"}': 1_000,
    '{provider="scripted",type="output"}': 500,
  });
  expect(series(text, 'howdah_cost_total')).toEqual({ '{provider="scripted"}': 0.006 });
  const reasons = ['dead_worker', 'lost_wake_up', 'fault'].concat(
    ['commit', 'claim', 'release'].map((what) => `${what}_retry`),
  );
  const recoveries = reasons.map((of) => `{reason="${of}"}`);
  // all reasons, before their first recovery
  expect(Object.keys(series(text, 'howdah_recoveries_total'))).toEqual(recoveries);
  expect(series(text, 'howdah_step_duration_seconds_count')).toMatchObject({
    '{kind="model",outcome="ok"}': 1,
    '{kind="retry",outcome="error"}': 1,
  });
});

test('tokens of the prompt cache are counted, and priced at their own prices', async () => {
  const { rows } = await database.pool.query(
    `insert into howdah.models (name, provider, model, input_price, output_price,
       cached_input_price, cache_write_price)
     values ('cached', 'scripted', 'm', 3, 15, 0.3, 3.75),
       ('no_cache_price', 'local', 'm', 3, 15, null, null)
     returning id, name, provider`,
  );
  const fresh = createMetrics(figuresOn(pool));
  for (const { id, name, provider } of rows) {
    await answerOf(fresh, { id, name, provider }, { cached_tokens: 800, cache_write_tokens: 900 });
  }
  const text = await fresh.text();
  expect(series(text, 'howdah_cached_tokens_total')).toEqual({
    '{provider="scripted",type="read"}': 800,
    '{provider="scripted",type="write"}': 200, // at most the rest of the input
    '{provider="local",type="read"}': 800,
    '{provider="local",type="write"}': 200,
  });
  expect(series(text, 'howdah_cost_total')).toEqual({
    '{provider="scripted"}': (800 * 0.3 + 200 * 3.75 + 500 * 15) / 1_000_000,
    '{provider="local"}': (1_000 * 3 + 500 * 15) / 1_000_000,
  });
});

test('tokens without a price are counted as unpriced, not at a cost of 0', async () => {
  const { rows } = await database.pool.query(
    `insert into howdah.models (name, provider, model, input_price, output_price)
     values ('priced', 'openai', 'm', 2, 8), ('free', 'local', 'm', 0, 0),
       ('unpriced', 'scripted', 'm', null, null), ('half_priced', 'ollama', 'm', null, 10)
     returning id, name, provider`,
  );
  const fresh = createMetrics(figuresOn(pool));
  for (const { id, name, provider } of rows) await answerOf(fresh, { id, name, provider });
  await answerOf(fresh, { id: null, name: 'engine', provider: 'engine' });
  const text = await fresh.text();
  expect(series(text, 'howdah_cost_total')).toEqual({
    '{provider="openai"}': 0.006,
    '{provider="local"}': 0,
    '{provider="ollama"}': 0.005,
  });
  expect(series(text, 'howdah_unpriced_tokens_total')).toEqual({
    '{provider="engine",type="input"}': 1_000,
    '{provider="engine",type="output"}': 500,
    '{provider="scripted",type="input"}': 1_000,
    '{provider="scripted",type="output"}': 500,
    '{provider="ollama",type="input"}': 1_000,
  });
});

test('tokens of an answer while the prices are read get their price with the next read', async () => {
  const reads: string[][] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const fresh = createMetrics({
    figures: async () => [],
    prices: async (ids) => {
      reads.push([...ids]);
      await promise;
      return new Map(ids.map((id) => [id, { input: 2, output: 8 }]));
    },
  });
  await answerOf(fresh, { id: 'first', name: 'first', provider: 'openai' });
  const text = fresh.text();
  await answerOf(fresh, { id: 'second', name: 'second', provider: 'openai' });
  resolve();
  expect(series(await text, 'howdah_cost_total')).toEqual({ '{provider="openai"}': 0.006 });
  const later = await fresh.text();
  expect(series(later, 'howdah_cost_total')).toEqual({ '{provider="openai"}': 0.012 });
  expect(series(later, 'howdah_unpriced_tokens_total')).toEqual({});
  expect(reads).toEqual([['first'], ['second']]);
});

test('process metrics include pools, held runs, event loop lag, and requests by endpoint', async () => {
  await fetch(`${api.url}/healthz`);
  await fetch(`${api.url}/a-strangers-word`);
  const { text } = await read();
  expect(Object.keys(series(text, 'howdah_pool_connections'))).toContain(
    '{pool="commits",state="idle"}',
  );
  expect(series(text, 'howdah_pool_connections_limit')).toEqual({
    '{pool="commits"}': 4,
    '{pool="claims"}': 1,
    '{pool="filters"}': 4,
    '{pool="tools"}': 10,
    '{pool="queries"}': 4,
    '{pool="queue"}': 3,
    '{pool="login"}': 2,
    '{pool="requests"}': 10,
  });
  expect(Object.keys(series(text, 'howdah_pool_waiting'))).toContain('{pool="requests"}');
  expect(series(text, 'howdah_runs_held')).toEqual({ '': 0 });
  expect(series(text, 'howdah_runs_capacity')).toEqual({ '': 100 });
  expect(series(text, 'nodejs_eventloop_lag_seconds')).toHaveProperty(['']);
  const requests = series(text, 'howdah_http_request_duration_seconds_count');
  expect(requests).toMatchObject({
    '{door="healthz",method="GET",status="2xx"}': 1,
    '{door="other",method="GET",status="4xx"}': 1,
  });
  expect(text).not.toContain('a-strangers-word');
});

test('names follow Prometheus: only counters end in _total, and each has a help text', async () => {
  const text = await metrics.text();
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => ({
    name,
    type,
  }));
  expect(types.length).toBeGreaterThan(50);
  for (const { name = '', type } of types) {
    expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
    expect(text).toMatch(new RegExp(`^# HELP ${name} \\S`, 'm'));
    expect(name).not.toMatch(/_(ms|millis|minutes|kb|mb|percent)(_|$)/);
  }
});

test('database metrics are present, without any word of a tenant', async () => {
  await database.pool.query(
    `insert into howdah.executions (agent_id, input, run_at)
     select howdah.agent('development'), 'words of a tenant', now() + interval '1 day' from generate_series(1, 3)`,
  );
  const fresh = createMetrics(figuresOn(pool));
  const text = await fresh.text();
  expect(series(text, 'howdah_database_up')).toEqual({ '': 1 });
  expect(series(text, 'howdah_runs')).toEqual({ '{status="queued",waiting_for=""}': 3 });
  expect(series(text, 'howdah_queue_depth')).toEqual({ '': 0 }); // no run is due
  expect(series(text, 'howdah_queue_oldest_age_seconds')).toEqual({ '': 0 });
  expect(series(text, 'howdah_jobs')).toMatchObject({ '{state="later"}': 3 });
  expect(series(text, 'howdah_workers')).toEqual({ '': 1 });
  expect(series(text, 'howdah_database_connections')['']).toBeGreaterThan(1);
  expect(Object.keys(series(text, 'howdah_database_dead_rows'))).toContain('{table="executions"}');
  for (const word of ['default', 'development', 'words of a tenant']) {
    expect(text).not.toContain(word);
  }
  await database.pool.query(
    `select howdah.cancel_execution(id) from howdah.executions where status = 'queued'`,
  );
});

test('frequent scrapes query the database once', async () => {
  let figureReads = 0;
  const counted = createMetrics({
    prices: async () => new Map(),
    figures: async () => {
      figureReads += 1;
      return [{ name: 'howdah_queue_depth', labels: {}, value: 7 }];
    },
  });
  const texts = await Promise.all([counted.text(), counted.text()]);
  texts.push(await counted.text());
  expect(texts.map((text) => series(text, 'howdah_queue_depth'))).toEqual(Array(3).fill({ '': 7 }));
  expect(figureReads).toBe(1);
});

test('without the database, process metrics are present and database metrics are absent', async () => {
  const alone = createMetrics({
    prices: () => Promise.reject(new Error('away')),
    figures: () => Promise.reject(new Error('away')),
  });
  const text = await alone.text();
  expect(series(text, 'howdah_database_up')).toEqual({ '': 0 });
  expect(series(text, 'howdah_queue_depth')).toEqual({});
  expect(series(text, 'howdah_runs')).toEqual({});
  expect(series(text, 'howdah_runs_held')).toEqual({ '': 0 });
});

test('the endpoint accepts a configured token, and no login of a tenant', async () => {
  const own = { host: '127.0.0.1', port: 0, auth: 'required', metrics, readiness } as const;
  const closed = await startMetricsServer({ ...own, metricsToken: TOKEN });
  const { url } = closed;
  const { status, text } = await read({}, url);
  expect([status, JSON.parse(text).code]).toEqual([401, 'HWDEN']);
  expect((await read({ authorization: 'Bearer another-token-of-others' }, url)).status).toBe(401);
  expect((await read({ authorization: `Bearer ${TOKEN}` }, url)).status).toBe(200);
  await closed.close();
  const required = await startMetricsServer({ ...own, metricsToken: undefined });
  const refused = await read({}, required.url);
  expect([refused.status, JSON.parse(refused.text).hint]).toEqual([
    403,
    expect.stringContaining('HOWDAH_METRICS_TOKEN'),
  ]);
  await required.close();
});

test('the endpoint rejects POST and foreign origins', async () => {
  const posted = await fetch(`${api.url}/metrics`, { method: 'POST' });
  expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  const foreign = await read({ origin: 'https://evil.example' });
  expect(foreign.status).toBe(403);
});

test('a process without an API serves metrics on its own port', async () => {
  const server = await startMetricsServer({
    ...{ host: '127.0.0.1', port: 0, auth: 'none', metricsToken: undefined, metrics, readiness },
  });
  expect((await read({}, server.url)).status).toBe(200);
  expect((await read({ origin: 'https://evil.example' }, server.url)).status).toBe(403);
  const elsewhere = await fetch(server.url.replace('/metrics', '/other'));
  expect(elsewhere.status).toBe(404);
  await server.close();
  const open = { host: '0.0.0.0', port: 0, auth: 'required', metrics, readiness } as const;
  await expect(startMetricsServer({ ...open, metricsToken: undefined })).rejects.toMatchObject({
    code: 'HWDEN',
    hint: expect.stringContaining('HOWDAH_METRICS_TOKEN'),
  });
});

test('every metric is documented, and every documented metric exists', async () => {
  const all = createMetrics({
    prices: async () => new Map(),
    figures: async () => [],
  });
  const named = (text: string) => [...new Set(text.match(/\bhowdah_(?!private)\w+/g))].sort();
  const metricNames = [...(await all.text()).matchAll(/^# TYPE (howdah_\w+)/gm)].map(
    ([, name]) => name,
  );
  const page = readFileSync(new URL('../../docs/reference/metrics.md', import.meta.url), 'utf8');
  expect(named(page)).toEqual(metricNames.sort());
});
