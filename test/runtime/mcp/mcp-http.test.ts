import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type Logger, pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { putSecretOn, secretRowsOn } from '../../../src/db/access/secrets.ts';
import { createMasterKeys } from '../../../src/secrets/master-keys.ts';
import { createSecretWriter } from '../../../src/secrets/writer.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  callTools,
  insertRun,
  kindsOf,
  makeAgent,
  resultsOf,
  shortenBackOff,
  stepsOf,
  waitForEnd,
  waitForStatus,
} from '../arrange.ts';

const KEY = 'a-key-that-nobody-may-see-4711';

// A minimal MCP server over HTTP, whose response to calls is set by each test.
describe('MCP servers over HTTP', () => {
  const db = testDatabase();
  let worker: Worker;
  let url: string;
  let onCall: (request: { id: number }, response: ServerResponse) => void;
  let session: string;
  const requests: { method: string; headers: IncomingMessage['headers'] }[] = [];
  const log: string[] = [];

  const reply = (response: ServerResponse, id: number, result: object) => {
    response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': session });
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
  };
  const textResult = (text: string) => ({ content: [{ type: 'text', text }] });
  const server = createServer(async (request, response) => {
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const { id, method, params } = JSON.parse(await text(request));
    requests.push({ method, headers: request.headers });
    if (method === 'initialize') {
      const { protocolVersion } = params;
      const serverInfo = { name: 'own', version: '1' };
      reply(response, id, { protocolVersion, capabilities: { tools: {} }, serverInfo });
    } else if (request.headers['mcp-session-id'] !== session) {
      response.writeHead(404).end();
    } else if (method === 'tools/list') {
      const inputSchema = { type: 'object' };
      const annotations = { readOnlyHint: true };
      reply(response, id, {
        tools: [
          { name: 'read', inputSchema, annotations },
          { name: 'write', inputSchema },
        ],
      });
    } else if (method === 'tools/call') {
      onCall({ id }, response);
    } else {
      response.writeHead(202).end();
    }
  });

  beforeAll(async () => {
    await shortenBackOff(db.pool);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    url = `http://127.0.0.1:${port}/mcp`;
    session = 'one';
    const masterKeys = createMasterKeys({ keys: [randomBytes(32)], file: undefined });
    const logger: Logger = pino(
      { level: 'trace' },
      { write: (line: string) => void log.push(line) },
    );
    worker = await startTestWorker(db.url, {
      egressAllow: [`127.0.0.1:${port}`],
      masterKeys,
      log: logger,
    });
    const writer = createSecretWriter(secretRowsOn(db.pool), masterKeys);
    const tenant = (await db.pool.query(`select id from howdah.tenants where slug = 'default'`))
      .rows[0].id;
    await writer.set(tenant, 'own', KEY, putSecretOn(db.pool, tenant));
    await makeServer('own', 'http', { url, secret_name: 'own', secrets: { 'X-Key': 'own' } });
  });
  afterAll(async () => {
    await worker?.stop(1_000);
    server.close();
    server.closeAllConnections();
  });
  beforeEach(() => {
    onCall = ({ id }, response) => reply(response, id, textResult('hello'));
  });

  const makeServer = async (name: string, type: string, configuration: object) => {
    await db.pool.query(
      `insert into howdah.mcp_servers (name, type, configuration, trusts_annotations) values ($1, $2, $3, true)`,
      [name, type, JSON.stringify(configuration)],
    );
    return eventually<{ error: string | null }>(
      db.pool,
      `${name} is asked`,
      'select * from howdah.mcp_servers where name = $1 and (discovered_at is not null or error is not null)',
      [name],
    );
  };
  const begin = async (tool: string) => {
    const agent = await makeAgent(db.pool, {
      script: [callTools({ name: tool }), { content: 'done' }],
    });
    await db.pool.query(
      'insert into howdah.agent_servers (agent_id, server_id) select $1, id from howdah.mcp_servers where name = $2',
      [agent, tool.split('__')[0]],
    );
    return insertRun(db.pool, agent);
  };
  const result = async (tool: string) => {
    const id = await begin(tool);
    await waitForEnd(db.pool, id);
    return (await resultsOf(db.pool, id))[0] ?? '';
  };

  test('secrets are sent as headers, and echoes of the server are redacted', async () => {
    onCall = ({ id }, response) => reply(response, id, textResult(`you sent ${KEY}`));
    expect(await result('own__read')).toBe('you sent ***');
    expect(requests.at(-1)?.headers).toMatchObject({
      authorization: `Bearer ${KEY}`,
      'x-key': KEY,
    });
    expect(requests.every(({ headers }) => headers.authorization === `Bearer ${KEY}`)).toBe(true);
  });

  test('secrets are passed to a command as variables and do not appear in logs', async () => {
    const fixture = fileURLToPath(new URL('../../fixtures/mcp/poisoned.mjs', import.meta.url));
    const configuration = {
      command: process.execPath,
      args: [fixture],
      secrets: { API_KEY: 'own' },
    };
    await makeServer('local', 'stdio', configuration);
    expect(await result('local__environment')).toContain('"API_KEY":"***"');
    await makeServer('broken', 'stdio', {
      command: process.execPath,
      args: ['-e', 'console.error("no " + process.env.API_KEY); process.exit(1)'],
      secrets: { API_KEY: 'own' },
    });
    expect(log.join()).toContain('it wrote: no ***');
    expect(log.join()).not.toContain(KEY);
  });

  test('a session that the server has lost is restarted, and the call is made then', async () => {
    expect(await result('own__write')).toBe('hello');
    session = 'two';
    const id = await begin('own__write');
    await waitForEnd(db.pool, id);
    expect(await resultsOf(db.pool, id)).toEqual(['hello']);
    expect(await kindsOf(db.pool, id)).toBe(
      'model tool_started retry tool_started tool model output',
    );
  });

  test.each(['before its headers', 'within its body'])(
    'an answer that breaks off %s: a once-only call raises a question',
    async (when) => {
      onCall = (_, response) => {
        if (when === 'within its body') {
          response.writeHead(200, { 'content-type': 'text/event-stream' });
          response.write(': comment\n\n');
          response.flushHeaders();
        }
        setImmediate(() => response.destroy());
      };
      const id = await begin('own__write');
      await waitForStatus(db.pool, id, 'waiting');
      const questions = await db.pool.query(
        'select id, kind from howdah.questions where execution_id = $1',
        [id],
      );
      expect(questions.rows).toMatchObject([{ kind: 'effect' }]);
      onCall = ({ id }, response) => reply(response, id, textResult('at last'));
      await db.pool.query(`select howdah.answer_question($1, 'again')`, [questions.rows[0].id]);
      await waitForEnd(db.pool, id);
      expect(await resultsOf(db.pool, id)).toEqual(['at last']);
    },
  );

  test.each([
    [401, 'unauthorized', 0],
    [400, 'tool_failed', 0],
  ])('status %d is %s', async (status, code, retries) => {
    onCall = (_, response) => response.writeHead(status).end('no');
    const id = await begin('own__read');
    await waitForEnd(db.pool, id);
    expect(JSON.parse((await resultsOf(db.pool, id))[0] ?? '')).toMatchObject({ error: { code } });
    const made = (await stepsOf(db.pool, id)).filter(({ kind }) => kind === 'retry');
    expect(made).toHaveLength(retries);
  });

  test('stops reading an answer that is too large', async () => {
    onCall = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('x'.repeat(6 * 1024 * 1024));
    };
    expect(JSON.parse(await result('own__read'))).toMatchObject({
      error: { message: expect.stringContaining('own') },
    });
  });

  test('does not follow a redirect to a private address', async () => {
    onCall = (_, response) =>
      response.writeHead(307, { location: 'http://169.254.169.254/latest' }).end();
    expect(JSON.parse(await result('own__read'))).toMatchObject({ error: {} });
    expect(log.join()).not.toContain('169.254.169.254 answered');
  });
});
