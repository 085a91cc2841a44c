import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import { readConfig } from '../../../src/config.ts';
import { putSecretOn, secretRowsOn } from '../../../src/db/access/secrets.ts';
import { createPool, type Pool } from '../../../src/db/connection/pool.ts';
import { figuresOn } from '../../../src/db/operations/metric-queries.ts';
import { traceRowsOn } from '../../../src/db/operations/trace-queries.ts';
import { spellings } from '../../../src/redaction/spellings.ts';
import { createMasterKeys } from '../../../src/secrets/master-keys.ts';
import { createSecretWriter } from '../../../src/secrets/writer.ts';
import { createLog } from '../../../src/telemetry/log.ts';
import { createLogRedaction } from '../../../src/telemetry/log-redaction.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { combineObservers } from '../../../src/telemetry/observers.ts';
import type { EndedRun } from '../../../src/telemetry/traces/run-spans.ts';
import { Tracing } from '../../../src/telemetry/traces/tracing.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { ask, startTestApi } from '../../api/harness.ts';
import { openStream } from '../../api/rest/events.ts';
import { startCli } from '../../cli/run-cli.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startOtlpReceiver } from '../../telemetry/otlp-receiver.ts';
import { insertRun, makeAgent, waitForEnd } from '../arrange.ts';

// Servers repeat every secret they receive, in many spellings, in every place that allows text.
// Afterwards, eight consecutive characters of any secret may be stored nowhere.

/** Returns ten random letters. Digits would also occur in the times of spans. */
const part = () =>
  randomBytes(5)
    .toString('hex')
    .replace(/\d/g, (digit) => 'ghijklmnop'.charAt(+digit));
const slashed = `${part()}/${part()}+${part()}`;
const listed = `${part()}&${part()}<${part()}`;
/** Secrets that begin, end, contain or overlap others. */
const SECRETS: Record<string, string> = {
  slashed,
  longer: `${slashed}"${part()}`,
  longest: `${slashed}"${part()}%${part()}`,
  ending: `${part()}%${slashed}`,
  overlapping: `${slashed.slice(-14)}\\${part()}`,
  listed,
  beginning: listed.slice(0, 14),
  tail: listed.slice(-14),
  joined: `${listed}${slashed}`,
  pair: `user:${part()}/${part()}`,
};

const html = (value: string) =>
  value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

/** Joins all secrets in many spellings, adjacent and nested. */
function echo(values: readonly string[]): string {
  return values
    .flatMap((value) => [
      value,
      `${JSON.stringify(value)} in ${JSON.stringify(JSON.stringify({ value }))}`,
      `https://x.example/?a=${encodeURIComponent(value)}&b=${new URLSearchParams({ value })}`,
      encodeURIComponent(value).replace(/%../g, (escaped) => escaped.toLowerCase()),
      `<a title="${html(value)}">`,
      Buffer.from(`me:${value}`).toString('base64'),
      Buffer.from(`them:${value}`).toString('base64url'),
      value.repeat(2),
    ])
    .join(' and ');
}

/** Returns the values of the request headers that contain secrets. */
function sentIn(headers: IncomingHttpHeaders): string[] {
  const names = Object.keys(headers).filter((name) => /^(x-key-|authorization)/.test(name));
  return names.map((name) => String(headers[name]).replace(/^Bearer /, ''));
}

const database = testDatabase();
let pool: Pool;
let models: FakeServer;
let worker: Worker;
let api: ApiServer;
let tracing: Tracing;
let traces: Awaited<ReturnType<typeof startOtlpReceiver>>;
let base: string;
const metrics = () => counted;
let counted: ReturnType<typeof createMetrics>;
const lines: string[] = [];
const seen: string[] = [];
const sentToTools = new Set<string>();

const servers = createServer(async (request, response) => {
  const values = sentIn(request.headers);
  for (const value of values) sentToTools.add(value);
  const body = await text(request);
  if (request.url?.startsWith('/mcp')) return answerMcp(body, values, response);
  const status = Number(/\d+$/.exec(request.url ?? '')?.[0] ?? 200);
  const type = request.url?.includes('html') ? 'text/html' : 'application/json';
  const said =
    type === 'text/html'
      ? `<html><title>x</title><body>${html(values.join(' and '))}</body>`
      : JSON.stringify({ said: echo(values), [echo(values)]: values });
  response.writeHead(status, {
    'content-type': type,
    'x-request-id': encodeURI(values.join(' and ')),
  });
  response.end(said);
});

/** Returns binary data in Base64, which does not contain the Base64 of any secret. */
function binaryFile(values: readonly string[]): string {
  const encoded = values.map(encodeURIComponent);
  const twice = encoded.map(encodeURIComponent);
  return Buffer.concat([NO_TEXT, Buffer.from([...encoded, ...twice].join(' and '))]).toString(
    'base64',
  );
}
const NO_TEXT = Buffer.from([0, 255]);

function answerMcp(body: string, values: readonly string[], response: ServerResponse): void {
  if (body === '') return void response.writeHead(405).end();
  const said = echo(values);
  const { id, method, params } = JSON.parse(body);
  const reply = (answer: object) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
  };
  const base64 = Buffer.from(`file of ${said}`).toString('base64');
  if (method === 'initialize') {
    const { protocolVersion } = params;
    const serverInfo = { name: `own ${said}`, version: said };
    reply({ result: { protocolVersion, capabilities: { tools: {} }, serverInfo } });
  } else if (method === 'tools/list') {
    const inputSchema = {
      type: 'object',
      properties: { a: { type: 'string', description: said } },
    };
    const annotations = { readOnlyHint: true, title: said };
    const tool = (name: string) => ({ name, description: said, inputSchema, annotations });
    reply({ result: { tools: ['read', 'spoil', 'fail', 'refuse'].map(tool) } });
  } else if (params?.name === 'fail') {
    reply({ result: { isError: true, content: [{ type: 'text', text: said }] } });
  } else if (params?.name === 'refuse') {
    reply({ error: { code: -32_000, message: said, data: { said } } });
  } else if (method === 'tools/call') {
    const uri = `file:///${encodeURIComponent(said.slice(0, 200))}`;
    const file = (mimeType: string, blob: string) => ({
      type: 'resource',
      resource: { uri, mimeType, blob },
    });
    const content = [
      // a secret at the place where a long text is truncated
      {
        type: 'resource',
        resource: { uri, text: `${'x'.repeat(1_990)}${said}${'y'.repeat(40_000)}` },
      },
      file('application/zip', binaryFile(values)),
      { type: 'resource_link', uri, name: said, description: said },
      { type: 'text', text: said },
    ];
    // the redacted text is no valid Base64
    const spoilt = [file('application/octet-stream', base64), file('text/plain', base64)];
    const isSpoilt = params?.name === 'spoil';
    reply({
      result: { content: isSpoilt ? spoilt : content, structuredContent: { [said]: said } },
    });
  } else if (id === undefined) response.writeHead(202).end();
  else reply({ error: { code: -32_601, message: said } });
}

/** Calls of the model, each with the code of its error. */
const CALLS = [
  ['http_request', { url: 'BASE/refused' }, 'invalid_arguments'],
  ['http_request', { url: 'BASE/json' }, null],
  ['http_request', { url: 'BASE/html' }, null],
  ['http_request', { url: 'BASE/html', html: 'source' }, null],
  ['http_request', { url: 'BASE/fails/500' }, 'overloaded'],
  ['http_request', { url: 'BASE/refuses/401' }, null],
  ['own__read', {}, null],
  ['own__spoil', {}, null], // one part that is no Base64 hides itself alone
  ['own__fail', {}, 'tool_failed'],
  ['own__refuse', {}, 'tool_failed'],
] as const;

beforeAll(async () => {
  servers.listen(0, '127.0.0.1');
  await once(servers, 'listening');
  const host = `127.0.0.1:${(servers.address() as AddressInfo).port}`;
  base = `http://${host}`;
  models = await startOpenAiServer(({ headers, body }) => {
    const said = echo(sentIn(headers));
    const { messages } = body as unknown as { messages: { role: string }[] };
    const [key] = sentIn(headers);
    if (key === SECRETS.joined) {
      return { status: 401, error: { message: said, code: said, type: said, param: said } };
    }
    if (key === SECRETS.pair) {
      return { chunks: [{ error: { message: said, code: said, type: said } } as never] };
    }
    const turn = messages.filter(({ role }) => role === 'tool').length;
    const [name, args] = CALLS[turn] ?? [];
    const letters = [...said].map((content) => ({
      choices: [{ index: 0, delta: { content }, finish_reason: null }],
    }));
    // the arguments of the first http_request are rejected
    const more = name === 'http_request' && turn > 0 ? {} : { said };
    const call = JSON.stringify({ ...args, ...more }).replaceAll('BASE', base);
    const tool_calls = name && [
      { index: 0, id: `call-${turn}`, type: 'function', function: { name, arguments: call } },
    ];
    const finish_reason = name ? 'tool_calls' : 'stop';
    const last = { choices: [{ index: 0, delta: { tool_calls }, finish_reason }] };
    return { chunks: [...letters, last] as never[] };
  });
  traces = await startOtlpReceiver();
  pool = createPool({
    ...{ url: database.url, applicationName: 'test', max: 1, role: 'howdah_worker' },
  });
  const masterKeys = createMasterKeys({ keys: [randomBytes(32)], file: undefined });
  const writer = createSecretWriter(secretRowsOn(database.pool), masterKeys);
  const { rows } = await database.pool.query('select howdah.current_tenant() as id');
  const put = putSecretOn(database.pool, rows[0].id);
  for (const [name, value] of Object.entries(SECRETS)) {
    await writer.set(rows[0].id, name, value, put);
  }
  const settings = readConfig({
    OTEL_EXPORTER_OTLP_ENDPOINT: traces.url,
    OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'true',
  }).tracing;
  if (!settings) throw new Error('no tracing');
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
  const traced = traceRowsOn<EndedRun>(pool);
  tracing = new Tracing({ settings, rows: traced, version: '1', log });
  counted = createMetrics(figuresOn(pool));
  api = await startTestApi(database.url, { masterKeys, log, metrics: counted });
  worker = await startTestWorker(database.url, {
    observe: combineObservers([tracing.observeRun, counted.observeRun]),
    egressAllow: [host],
    masterKeys,
    log,
    metrics: counted,
  });
  const keys = Object.keys(SECRETS);
  const secrets = Object.fromEntries(keys.map((name, n) => [`x-key-${n}`, name]));
  await database.pool.query(
    `insert into howdah.mcp_servers (name, type, configuration, trusts_annotations) values ('own', 'http', $1, true)`,
    [JSON.stringify({ url: `${base}/mcp`, secrets })],
  );
  await eventually(
    database.pool,
    'the MCP server is asked',
    'select error from howdah.mcp_servers where discovered_at is not null or error is not null',
  );
  await database.pool.query(
    `insert into howdah.webhooks (url, events, secret_name)
     values ($1, '{execution.completed,execution.failed}', 'slashed')`,
    [`${base}/hook/500`],
  );
});
afterAll(async () => {
  await worker?.stop(1_000);
  await api?.close();
  await tracing?.close();
  await pool?.end();
  await models?.close();
  await traces?.close();
  servers.closeAllConnections();
  servers.close();
});

/** Makes an agent with every tool, whose model uses this secret as its key. */
async function agentWith(secret_name: string): Promise<string> {
  const agent = await makeAgent(database.pool, {
    models: [{ provider: 'openai', base_url: models.url, secret_name }],
    tools: ['http_request'],
  });
  const { host } = new URL(base);
  const secrets = Object.fromEntries(
    Object.keys(SECRETS).map((name, n) => [`x-key-${n}`, { secret_name: name, hosts: [host] }]),
  );
  await database.pool.query(
    `update howdah.agent_tools set configuration = $2 where agent_id = $1`,
    [agent, JSON.stringify({ secrets })],
  );
  await database.pool.query(
    'insert into howdah.agent_servers (agent_id, server_id) select $1, id from howdah.mcp_servers',
    [agent],
  );
  return agent;
}

test('every server receives its secrets and echoes them', async () => {
  const longest = await agentWith('longest');
  const stream = await openStream(api, '/api/execute', {
    method: 'POST',
    body: { agent_id: longest, message: 'Hi', stream: true },
  });
  await stream.end;
  seen.push(JSON.stringify(stream.events));
  const text = stream.events.filter(({ event }) => event === 'token').map(({ data }) => data);
  expect(text.length).toBeGreaterThan(0);
  const { rows } = await database.pool.query(
    `select id, status from howdah.executions where agent_id = $1`,
    [longest],
  );
  expect(rows).toMatchObject([{ status: 'completed' }]);
  const { rows: calls } = await database.pool.query(
    `select name, error ->> 'code' as fault from howdah.steps
     where execution_id = $1 and kind = 'tool' order by seq`,
    [rows[0].id],
  );
  expect(calls.map(({ name, fault }) => [name, fault])).toEqual(
    CALLS.map(([name, , fault]) => [name, fault]),
  );
  const { rows: files } = await database.pool.query(
    `select count(*)::int as binary from howdah.resources
     where substr(bytes, 1, 2) = $1 and position('***'::bytea in bytes) > 0`,
    [NO_TEXT],
  );
  expect(files).toEqual([{ binary: 1 }]);
  expect([...sentToTools].sort()).toEqual(Object.values(SECRETS).sort());
  const ids = [rows[0].id];
  for (const [secret, status] of [
    ['joined', 'failed'],
    ['pair', 'failed'],
    ['ending', 'completed'],
  ] as const) {
    const id = await insertRun(database.pool, await agentWith(secret));
    const run = await waitForEnd(database.pool, id);
    expect(run.status).toBe(status);
    ids.push(id);
  }
  await eventually(
    database.pool,
    'webhooks are tried',
    'select count(*) from howdah.webhook_deliveries where attempts > 0 having count(*) >= 4',
  );
  for (const id of ids) {
    for (const argv of [
      ['show', id, '--json'],
      ['export-run', id],
    ]) {
      seen.push(JSON.stringify(await startCli(database.url, ...argv).end()));
    }
    for (const path of ['', '/steps', '/messages']) {
      seen.push(await (await fetch(`${api.url}/api/executions/${id}${path}`)).text());
    }
    const replay = await openStream(api, `/api/executions/${id}/stream`);
    await replay.end;
    seen.push(JSON.stringify(replay.events));
    const GRAPH = `query ($id: UUID!) { execution(id: $id) { output outputData error
      steps { nodes { name input output error } } messages { nodes { content toolCalls parts } } } }`;
    const reply = await ask(api, GRAPH, { id });
    expect(reply.errors).toEqual([]);
    seen.push(JSON.stringify(reply.data));
  }
});

test('no part of a secret appears in a table, log, trace, metric or answer', async () => {
  const { rows: tables } = await database.pool.query(
    `select format('%I.%I', n.nspname, c.relname) as name from pg_class as c
     join pg_namespace as n on n.oid = c.relnamespace
     where n.nspname in ('howdah', 'howdah_private', 'graphile_worker') and c.relkind in ('r', 'm', 'v')`,
  );
  expect(tables.length).toBeGreaterThan(60);
  for (const { name } of tables) {
    const { rows } = await database.pool.query(`select t::text as line from ${name} as t`);
    seen.push(...rows.map(({ line }) => line));
  }
  await tracing.close();
  expect(traces.spans.length).toBeGreaterThan(20);
  seen.push(JSON.stringify(traces.spans), await metrics().text(), ...lines);
  const all = seen.join('\n');
  expect(all).toContain('***');
  expect(foundIn(all)).toEqual([]);
});

test('no secret appears in a log line that contains all of them', () => {
  const own: string[] = [];
  const redaction = createLogRedaction([]);
  Object.values(SECRETS).forEach(redaction.learn);
  const log = createLog(
    { logLevel: 'info', logFormat: 'json', isTty: false, isColoured: false, redaction },
    { write: (line: string) => own.push(line) },
  );
  const said = echo(Object.values(SECRETS));
  log.info(
    { said, err: new Error(said, { cause: new Error(said) }), nested: { [said]: [said] } },
    said,
  );
  expect(JSON.parse(own.join('')).msg).toContain('***');
  expect(foundIn(own.join(''))).toEqual([]);
});

/**
 * Returns pieces of eight characters of any secret, plain or in any spelling, each with the text
 * around it.
 */
function foundIn(text: string): string[] {
  const pieces = new Set<string>();
  for (const secret of Object.values(SECRETS)) {
    for (const spelling of [secret, ...spellings(secret)]) {
      for (let at = 0; at + 8 <= spelling.length; at += 1) pieces.add(spelling.slice(at, at + 8));
    }
  }
  // pieces that ordinary texts may contain: `user:`, and escapes with little between them
  const isOrdinary = (piece: string) =>
    piece.replace(/%(25)*..|\\+u00..|&\w+;|\W|user/g, '').length < 4;
  const wanted = new Set([...pieces].filter((piece) => !isOrdinary(piece)));
  expect(wanted.size).toBeGreaterThan(500);
  const decoded = text.replace(/\\x([0-9a-f]{2})+/g, (hex) =>
    Buffer.from(hex.slice(2), 'hex').toString('latin1'),
  );
  const found: string[] = [];
  for (const one of [text, decoded]) {
    for (let at = 0; at + 8 <= one.length; at += 1) {
      if (wanted.has(one.slice(at, at + 8))) found.push(one.slice(Math.max(0, at - 60), at + 30));
    }
  }
  return found.slice(0, 5);
}
