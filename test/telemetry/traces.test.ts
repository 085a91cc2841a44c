import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../chaos/load/openai-server.ts';
import { withTraceparent } from '../../src/api/http/traceparent.ts';
import { readConfig } from '../../src/config.ts';
import { createPool, type Pool } from '../../src/db/connection/pool.ts';
import { traceRowsOn } from '../../src/db/operations/trace-queries.ts';
import { Exporter } from '../../src/telemetry/traces/exporter.ts';
import type { EndedRun } from '../../src/telemetry/traces/run-spans.ts';
import { parseTraceparent, traceContextOf } from '../../src/telemetry/traces/traceparent.ts';
import { Tracing } from '../../src/telemetry/traces/tracing.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { makeAgent, makeAgentTool, runToEnd } from '../runtime/arrange.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { startOtlpReceiver } from './otlp-receiver.ts';

const database = testDatabase();
let pool: Pool;
let receiver: Awaited<ReturnType<typeof startOtlpReceiver>>;
let models: FakeServer;
/** Values of `traceparent` in requests that tools sent. */
const receivedTraceparents: (string | undefined)[] = [];
const site = createServer((request, response) => {
  receivedTraceparents.push(request.headers.traceparent as string | undefined);
  response.end('{"found": true}');
}).listen(0, '127.0.0.1');
let siteUrl: string;

beforeAll(async () => {
  pool = createPool({
    ...{ url: database.url, applicationName: 'test', max: 2, role: 'howdah_worker' },
  });
  receiver = await startOtlpReceiver();
  models = await startOpenAiServer(() => ({
    content: 'seven',
    usage: { prompt_tokens: 11, completion_tokens: 3 },
  }));
  if (!site.listening) await once(site, 'listening');
  siteUrl = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
});
afterAll(async () => {
  site.close();
  await models.close();
  receiver.close();
  await pool.end();
});
/** Attributes of all spans of all tests. */
const attributes = new Set<string>();
afterEach(() => {
  for (const span of receiver.spans) {
    for (const name of Object.keys(span.attributes)) attributes.add(name);
  }
});
afterAll(() => {
  const docs = readFileSync(new URL('../../docs/observability.md', import.meta.url), 'utf8');
  expect([...attributes].filter((name) => !docs.includes(`\`${name}\``))).toEqual([]);
  expect(attributes.size).toBeGreaterThan(20);
});
beforeEach(() => {
  receiver.spans.length = 0;
  receivedTraceparents.length = 0;
});

const settingsOf = (env: Record<string, string> = {}) => {
  const { tracing } = readConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...env });
  if (!tracing) throw new Error('no tracing');
  return { ...tracing, delayMs: 600_000 }; // sent only by an explicit flush
};

/** Starts a worker with tracing, like a process of its own. */
async function startTracingWorker(
  env: Record<string, string> = {},
): Promise<{ worker: Worker; tracing: Tracing; stop(): Promise<void> }> {
  const tracing = new Tracing({
    settings: settingsOf(env),
    rows: traceRowsOn<EndedRun>(pool),
    version: '1.2.3',
    log: pino({ level: 'silent' }),
  });
  const worker = await startTestWorker(database.url, {
    observe: tracing.observeRun,
    egressAllow: ['127.0.0.1'],
    openai: models.url,
  });
  return {
    worker,
    tracing,
    async stop() {
      await worker.stop(2_000);
      await tracing.close();
    },
  };
}

const byName = (name: string) => receiver.spans.filter((span) => span.name === name);
const nameOf = async (id: string) => {
  const { rows } = await database.pool.query('select name from howdah.agents where id = $1', [id]);
  return rows[0].name as string;
};

test('a run on two workers is one trace with its requests, tools and child run, in order', async () => {
  const child = await makeAgent(database.pool, {
    models: [{ provider: 'openai', base_url: models.url }],
  });
  const childTool = await makeAgentTool(database.pool, child);
  const parent = await makeAgent(database.pool, {
    tools: ['http_request', 'ask_user', childTool],
    script: [
      {
        tool_calls: [
          { name: 'http_request', arguments: { url: `${siteUrl}/page` } },
          { name: childTool, arguments: { message: 'how many?' } },
        ],
      },
      { tool_calls: [{ name: 'ask_user', arguments: { question: 'may I?' } }] },
      { content: 'done', usage: { tokens_in: 20, tokens_out: 5 } },
    ],
  });
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const first = await startTracingWorker();
  const { rows } = await database.pool.query(
    'insert into howdah.executions (agent_id, input, metadata) values ($1, $2, $3) returning id',
    [parent, 'do it', { traceparent }],
  );
  const { id } = rows[0];
  const question = await eventually(
    database.pool,
    'a question',
    `select q.id from howdah.questions as q join howdah.executions as e on e.id = q.execution_id
     where q.root_execution_id = $1 and q.status = 'open' and e.status = 'waiting'`,
    [id],
  );
  await first.stop();
  const second = await startTracingWorker();
  await database.pool.query('select howdah.answer_question($1, $2)', [question.id, 'yes']);
  await eventually(
    database.pool,
    'the end',
    `select 1 from howdah.executions where id = $1 and status = 'completed'`,
    [id],
  );
  await second.stop();

  const { spans } = receiver;
  expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(
    new Set(['4bf92f3577b34da6a3ce929d0e0e4736']),
  );
  expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
  expect(new Set(spans.map(({ resource }) => resource['service.instance.id'])).size).toBe(2);
  const [root] = byName(`invoke_agent ${await nameOf(parent)}`);
  const [below] = byName(`invoke_agent ${await nameOf(child)}`);
  expect(root).toMatchObject({
    parentSpanId: '00f067aa0ba902b7',
    kind: 1,
    attributes: {
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': await nameOf(parent),
      'gen_ai.agent.version': '1',
      'howdah.execution.id': id,
      'howdah.execution.stop_reason': 'final_answer',
    },
    resource: { 'service.name': 'howdah', 'service.version': '1.2.3' },
  });
  expect(below?.parentSpanId).toBe(root?.spanId);
  const chats = byName('chat m');
  expect(chats.map(({ parentSpanId }) => parentSpanId).sort()).toEqual(
    [root, root, root, below].map((span) => span?.spanId).sort(),
  );
  const [answer] = chats.filter(({ parentSpanId }) => parentSpanId === below?.spanId);
  expect(answer).toMatchObject({
    kind: 3,
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'm',
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.usage.input_tokens': 11,
      'gen_ai.usage.output_tokens': 3,
      'server.address': '127.0.0.1',
    },
  });
  const [request] = byName('execute_tool http_request');
  expect(request).toMatchObject({
    parentSpanId: root?.spanId,
    attributes: { 'gen_ai.tool.type': 'extension', 'gen_ai.tool.name': 'http_request' },
  });
  for (const span of spans.filter((one) => one !== root)) {
    expect(BigInt(span.startTimeUnixNano)).toBeGreaterThanOrEqual(
      // tolerance: the clock of the database differs from that of this process
      BigInt(root?.startTimeUnixNano ?? 0) - 5_000_000n,
    );
    expect(BigInt(span.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(span.startTimeUnixNano));
  }
  // The context is propagated to tools and to model servers, each below its own span.
  expect(receivedTraceparents).toEqual([`00-${request?.traceId}-${request?.spanId}-01`]);
  expect(models.requests.at(-1)?.headers.traceparent).toBe(
    `00-${answer?.traceId}-${answer?.spanId}-01`,
  );
  // Traces contain no text of users or models.
  expect(receiver.requests.map(({ body }) => body).join('')).not.toMatch(
    /do it|how many|may I|seven/,
  );
});

test('a run without a trace context has a trace with its own id', async () => {
  const { tracing, stop } = await startTracingWorker();
  const agent = await makeAgent(database.pool, { script: [{ content: 'ok' }] });
  const { id } = await runToEnd(database.pool, agent, 'hello');
  await expect
    .poll(async () => {
      await tracing.flush();
      return receiver.spans.map(({ name }) => name.split(' ')[0]).sort();
    })
    .toEqual(['chat', 'invoke_agent']);
  expect(receiver.spans[0]?.traceId).toBe(id.replaceAll('-', ''));
  expect(byName(`invoke_agent ${await nameOf(agent)}`)[0]).not.toHaveProperty('parentSpanId');
  await stop();
});

test('failed attempts are spans with their error, and so is a failed run', async () => {
  const { tracing, stop } = await startTracingWorker();
  const agent = await makeAgent(database.pool, {
    script: [{ error: { code: 'overloaded' }, times: 1 }, { error: { code: 'invalid_request' } }],
  });
  await runToEnd(database.pool, agent, 'hello');
  await expect
    .poll(async () => {
      await tracing.flush();
      return receiver.spans.map(({ attributes }) => attributes['error.type']).sort();
    })
    .toEqual(['invalid_request', 'invalid_request', 'overloaded']);
  expect(receiver.spans.every(({ status }) => status?.code === 2)).toBe(true);
  await stop();
});

test('a run cancelled while no worker held it has its span, exported once', async () => {
  const id = await database.pool
    .query(
      `insert into howdah.executions (agent_id, input, run_at) values (howdah.agent('development'), 'later', now() + interval '1 day') returning id`,
    )
    .then(({ rows }) => rows[0].id);
  await database.pool.query('select howdah.cancel_execution($1)', [id]);
  await database.pool.query(
    `update howdah_private.background_tasks set reached_at = now() - interval '1 minute' where name = 'traces'`,
  );
  const rows = traceRowsOn<EndedRun>(pool);
  const soon = { ...rows, readRunsEndedElsewhere: () => readRunsEndedElsewhere('0') };
  /** Reads the runs that have ended elsewhere, as a poll after `lag` does. */
  const readRunsEndedElsewhere = async (lag: string) => {
    const { rows: found } = await pool.query('select howdah_private.runs_to_trace($1) as ids', [
      lag,
    ]);
    return rows.readEndedRuns(found[0].ids);
  };
  const trace = () =>
    new Tracing({
      settings: settingsOf(),
      rows: soon,
      version: '1',
      log: pino({ level: 'silent' }),
    });
  await trace().close();
  await trace().close();
  const spans = receiver.spans.filter(({ attributes }) => attributes['howdah.execution.id'] === id);
  expect(spans).toMatchObject([
    {
      name: 'invoke_agent development',
      status: { code: 2 },
      attributes: { 'error.type': 'cancelled' },
    },
  ]);
});

test('texts are exported only if the environment enables it', async () => {
  const { tracing, stop } = await startTracingWorker({
    OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'true',
  });
  const agent = await makeAgent(database.pool, {
    tools: ['calculator'],
    script: [
      { tool_calls: [{ name: 'calculator', arguments: { expression: '6*7' }, id: 'c1' }] },
      { content: 'forty-two' },
    ],
  });
  await runToEnd(database.pool, agent, 'what is it?');
  await expect
    .poll(async () => {
      await tracing.flush();
      return receiver.spans.length;
    })
    .toBe(4);
  const chats = byName('chat m');
  const texts = chats.map(({ attributes }) => ({
    input: JSON.parse(attributes['gen_ai.input.messages'] as string).at(-1),
    said: JSON.parse(attributes['gen_ai.output.messages'] as string)[0],
  }));
  expect(texts[0]?.input).toEqual({
    role: 'user',
    parts: [{ type: 'text', content: 'what is it?' }],
  });
  expect(texts[0]?.said.parts[0]).toMatchObject({ type: 'tool_call', name: 'calculator' });
  expect(texts[1]?.input.parts[0]).toMatchObject({ type: 'tool_call_response' });
  expect(texts[1]?.said).toEqual({
    role: 'assistant',
    parts: [{ type: 'text', content: 'forty-two' }],
    finish_reason: 'stop',
  });
  expect(byName('execute_tool calculator')[0]?.attributes).toMatchObject({
    'gen_ai.tool.call.arguments': '{"expression":"6*7"}',
  });
  await stop();
});

test('where callers may not set the trace, a run has its own, linked to theirs', async () => {
  const { tracing, stop } = await startTracingWorker({ HOWDAH_TRACEPARENT: 'link' });
  const agent = await makeAgent(database.pool, { script: [{ content: 'ok' }] });
  const { rows } = await database.pool.query(
    'insert into howdah.executions (agent_id, input, metadata) values ($1, $2, $3) returning id',
    [agent, 'hello', { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00' }],
  );
  const traceId = rows[0].id.replaceAll('-', '');
  await expect
    .poll(
      async () => {
        await tracing.flush();
        return receiver.spans.filter((span) => span.traceId === traceId).length;
      },
      { timeout: 60_000 },
    )
    .toBe(2);
  const [run] = byName(`invoke_agent ${await nameOf(agent)}`);
  expect(run).not.toHaveProperty('parentSpanId');
  expect(run?.links).toEqual([
    { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' },
  ]);
  expect(byName('chat m')[0]).toMatchObject({ parentSpanId: run?.spanId });
  expect(byName('chat m')[0]).not.toHaveProperty('links');
  await stop();
});

test('a run whose caller is not sampled is not traced', async () => {
  const { tracing, stop } = await startTracingWorker();
  const agent = await makeAgent(database.pool, { script: [{ content: 'ok' }] });
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00';
  const { rows } = await database.pool.query(
    'insert into howdah.executions (agent_id, input, metadata) values ($1, $2, $3) returning id',
    [agent, 'hello', { traceparent }],
  );
  await eventually(
    database.pool,
    'the end',
    `select 1 from howdah.executions where id = $1 and status = 'completed'`,
    [rows[0].id],
  );
  await runToEnd(database.pool, agent, 'hello'); // a run that is traced
  await expect
    .poll(async () => {
      await tracing.flush();
      return receiver.spans.length;
    })
    .toBe(2);
  expect(receiver.spans.every(({ traceId }) => traceId !== traceparent.slice(3, 35))).toBe(true);
  await stop();
});

test('spans are sent again when the receiver requests it, and dropped with a warning when rejected', async () => {
  const span = {
    ...{ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), parentId: undefined },
    ...{ name: 'x', kind: 'internal' as const, from: 1, to: 2, attributes: {} },
  };
  const dropped: [number, string][] = [];
  const busy = await startOtlpReceiver([503, 200, 400]);
  const exporter = new Exporter({
    ...{ url: `${busy.url}/v1/traces`, headers: { 'x-key': 'k' }, timeoutMs: 5_000 },
    ...{ resource: {}, version: '1' },
    onDropped: (count, reason) => void dropped.push([count, reason]),
  });
  exporter.add(span);
  await exporter.flush();
  expect([busy.spans.length, busy.requests.length, dropped]).toEqual([1, 2, []]);
  expect(busy.requests[0]).toMatchObject({ path: '/v1/traces', headers: { 'x-key': 'k' } });
  exporter.add(span);
  exporter.add(span);
  await exporter.flush();
  expect(dropped).toEqual([[2, 'status 400']]);
  busy.close();
  for (let count = 0; count < 8_200; count += 1) exporter.add(span);
  await exporter.flush(true);
  expect(dropped[1]).toEqual([8, 'spans arrived faster than they could be sent']);
  expect(dropped.slice(2).reduce((sum, [count]) => sum + count, 0)).toBe(8_192);
});

test.each([
  ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', true],
  ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00', false],
  ['cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes-later', true],
  ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more', undefined],
  ['ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', undefined],
  ['00-00000000000000000000000000000000-00f067aa0ba902b7-01', undefined],
  ['00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01', undefined],
  ['00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01', undefined],
  ['a sentence', undefined],
  [17, undefined],
])('traceparent %j', (text, isSampled) => {
  expect(parseTraceparent(text)?.isSampled).toBe(isSampled);
});

test('a sampling ratio selects the same traces on every worker', () => {
  const ids = Array.from(
    { length: 2_000 },
    (_, index) =>
      `0198f0a0-0000-7000-8${(index * 40503).toString(16).padStart(3, '0').slice(-3)}-${(index * 2654435761).toString(16).padStart(12, '0').slice(-12)}`,
  );
  const sampledShare = (share: number) =>
    ids.filter((id) => traceContextOf(id, undefined, { share, followsParent: true }).isSampled);
  expect(sampledShare(0)).toHaveLength(0);
  expect(sampledShare(1)).toHaveLength(2_000);
  const some = sampledShare(0.25);
  expect(some.length).toBeGreaterThan(300);
  expect(some.length).toBeLessThan(700);
  expect(sampledShare(0.5)).toEqual(expect.arrayContaining(some));
});

test('the standard OpenTelemetry variables configure where traces go', () => {
  const read = (env: Record<string, string>) => readConfig(env).tracing;
  expect(read({})).toBeUndefined();
  expect(read({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' })).toMatchObject({
    url: 'http://collector:4318/v1/traces',
    timeoutMs: 10_000,
    delayMs: 5_000,
    share: 1,
    followsParent: true,
    capturesContent: false,
    resource: { 'service.name': 'howdah' },
  });
  const more = {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://traces.example/otlp',
    OTEL_EXPORTER_OTLP_HEADERS: 'api-key=a%20b,x=1',
    OTEL_SERVICE_NAME: 'desk',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    OTEL_TRACES_SAMPLER: 'traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.25',
  };
  expect(read(more)).toMatchObject({
    url: 'https://traces.example/otlp',
    headers: { 'api-key': 'a b', x: '1' },
    share: 0.25,
    followsParent: false,
    resource: { 'service.name': 'desk', 'deployment.environment.name': 'test' },
  });
  expect(read({ ...more, OTEL_SDK_DISABLED: 'true' })).toBeUndefined();
  expect(read({ ...more, OTEL_TRACES_EXPORTER: 'none' })).toBeUndefined();
  expect(() => read({ ...more, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).toThrow(
    expect.objectContaining({ code: 'HWINV', hint: expect.stringContaining('http/json') }),
  );
});

test.each([
  [`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, '01'],
  [` 00-${'a'.repeat(32)}-${'b'.repeat(16)}-00 `, '00'],
  [`cc-${'a'.repeat(32)}-${'b'.repeat(16)}-ff`, '01'],
  [`01-${'a'.repeat(32)}-${'b'.repeat(16)}-00-${'x'.repeat(100_000)}`, '00'],
])('a run stores the four parts of the traceparent header', (traceparent, flags) => {
  expect(withTraceparent({ a: 1 }, { traceparent })).toEqual({
    ...{ a: 1, traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-${flags}` },
  });
  expect(withTraceparent({ traceparent: 'own' }, { traceparent })).toEqual({ traceparent: 'own' });
});

test.each([undefined, '', 'a'.repeat(100_000), `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`])(
  'an invalid traceparent is ignored',
  (traceparent) => {
    expect(withTraceparent(null, traceparent === undefined ? {} : { traceparent })).toEqual({});
  },
);
