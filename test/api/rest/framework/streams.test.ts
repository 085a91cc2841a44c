import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../../chaos/load/openai-server.ts';
import { defaultServerLimits } from '../../../../src/api/http/server-limits.ts';
import { createCallerTurns } from '../../../../src/api/limits/caller-turns.ts';
import { createStreamLimits } from '../../../../src/api/limits/stream-limits.ts';
import { type EventsOf, Streams } from '../../../../src/api/rest/framework/streams.ts';
import type { ApiServer } from '../../../../src/api/server.ts';
import type { StreamEvent } from '../../../../src/contracts/runs/stream-event.ts';
import type { Worker } from '../../../../workers/start-worker.ts';
import { makeAgent } from '../../../runtime/arrange.ts';
import { one, rolledBack } from '../../../sql/support.ts';
import { eventually, testDatabase } from '../../../support/database.ts';
import { startTestWorker } from '../../../support/worker.ts';
import { startTestApi, until } from '../../harness.ts';
import { tokenOptions } from '../../subscriptions/tokens.ts';
import { call } from '../call.ts';
import { openStream } from '../events.ts';

describe('the event stream writer', () => {
  const identity = {
    tenantId: 't',
    userId: undefined,
    role: 'owner',
    expiresAt: undefined,
  } as const;
  let server: Server;
  let streams: Streams;
  let source: EventsOf;
  let written: Promise<void>;

  const start = async (options: { heartbeatMs?: number; stalledMs?: number }) => {
    streams = new Streams({
      exists: async () => 'good',
      limits: createStreamLimits(defaultServerLimits),
      turns: createCallerTurns(defaultServerLimits),
      failureOf: (error) => ({ status: 500, code: 'X', message: String(error), detail: {} }),
      ...options,
    });
    server = createServer((_request, response) => {
      written = streams.write(response, identity, source);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const [response] = (await once(get({ port, host: '127.0.0.1' }), 'response')) as [
      IncomingMessage,
    ];
    return response;
  };
  const stop = async () => {
    streams.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  const event = (content: string): StreamEvent => ({ event: 'token', data: { content } });

  test('sends heartbeats while idle, and ends when closed', async () => {
    source = async function* (signal) {
      yield event('first');
      await once(signal, 'abort');
    };
    const response = await start({ heartbeatMs: 5 });
    let text = '';
    response.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    await until(() => text.split(': \n\n').length > 3);
    streams.close();
    await written;
    await once(response, 'end');
    expect(text).toMatch(
      /^retry: 2000\n\n(: \n\n)*event: token\ndata: \{"content":"first"\}\n\n(: \n\n){3}/,
    );
    expect(response.complete).toBe(true);
    await stop();
  });

  test('applies back-pressure to the source, and disconnects a client that never reads', async () => {
    let taken = 0;
    let isLeft = false;
    source = async function* (signal) {
      try {
        for (;;) {
          if (signal.aborted) return;
          taken += 1;
          yield event('x'.repeat(64 * 1024));
        }
      } finally {
        isLeft = true;
      }
    };
    const response = await start({ stalledMs: 200 }); // never read
    response.on('error', () => {});
    await written;
    expect(isLeft).toBe(true);
    expect(taken).toBeLessThan(500); // the capacity of both sockets: some megabytes
    await stop();
  });

  test('closes the source when the client disconnects', async () => {
    let isLeft = false;
    source = async function* (signal) {
      yield event('x');
      await once(signal, 'abort');
      isLeft = true;
    };
    const response = await start({});
    response.on('error', () => {});
    response.destroy();
    await written;
    expect(isLeft).toBe(true);
    await stop();
  });

  test('sends an error thrown by the source as an event', async () => {
    source = async function* () {
      yield event('x');
      throw new Error('gone');
    };
    const response = await start({});
    let text = '';
    for await (const part of response.setEncoding('utf8')) text += part;
    expect(text).toContain('event: error\ndata: {"code":"X","message":"Error: gone","status":500}');
    await stop();
  });
});

describe('over the API', () => {
  const db = testDatabase();
  let api: ApiServer;
  let worker: Worker;
  let model: FakeServer;
  let answers: PromiseWithResolvers<void>;
  let ends: Promise<unknown> | undefined;

  beforeAll(async () => {
    api = await startTestApi(db.url, tokenOptions);
    model = await startOpenAiServer(async () => {
      await answers.promise;
      return { content: 'The moon is far away.', ...(ends && { endsAfter: ends }) };
    });
    worker = await startTestWorker(db.url, { openai: model.url });
  });
  afterAll(async () => {
    await worker?.stop(0);
    await model?.close();
    await api?.close();
  });
  beforeEach(() => {
    answers = Promise.withResolvers<void>();
    ends = undefined;
  });

  const keyFor = async (role = 'owner') =>
    one(db.pool, `select id, key from howdah.create_api_key($1, $2)`, [`k${Math.random()}`, role]);
  const begin = async (token: string, more: object = {}) => {
    const agent_id = await makeAgent(db.pool, { models: [{ provider: 'openai' }] });
    const run = { agent_id, message: 'Go.', ...more };
    const { body } = await call(api, 'POST', '/api/execute', run, { token });
    const id = body.execution_id;
    return { agent_id, id, path: `/api/executions/${id}/stream` };
  };

  test('tokens precede the thought they form, without an id', async () => {
    const { key } = await keyFor();
    const { id, path } = await begin(key, { run_at: '2100-01-01T00:00:00Z' });
    const stream = await openStream(api, path, { token: key });
    const watched = 'select from howdah_private.watchers where execution_id = $1';
    await eventually(db.pool, 'it is watched', watched, [id]);
    // a poll may read the thought of an answer that is already complete before its tokens are sent
    ends = stream.when(({ event }) => event === 'token');
    await db.pool.query('update howdah.executions set run_at = now() where id = $1', [id]);
    await db.pool.query('select howdah_private.enqueue_advance(array[$1::uuid])', [id]);
    answers.resolve();
    await stream.end;
    const kinds = stream.events.map(({ event }) => event);
    const tokens = stream.events.filter(({ event }) => event === 'token');
    expect(kinds).toEqual([...tokens.map(() => 'token'), 'thought', 'complete']);
    expect(tokens.map(({ data }) => data.content).join('')).toBe('The moon is far away.');
    expect(tokens.every((one) => one.id === undefined)).toBe(true);
  });

  test.each(['1000.1', '3.1', '2.99'])(
    'a stream after the nonexistent event %s closes when the run is over',
    async (after) => {
      const { key } = await keyFor();
      const { path } = await begin(key);
      const live = await openStream(api, `${path}?after=${after}`, { token: key });
      answers.resolve();
      await live.end;
      const late = await openStream(api, `${path}?after=${after}`, { token: key });
      await late.end;
      expect(late.events.map(({ event }) => event)).toEqual(['complete']);
      expect(live.events.at(-1)).toMatchObject({ event: 'complete', id: late.events[0]?.id });
    },
  );

  test('an invalid cursor is reported under the name it was sent by', async () => {
    const { key: token } = await keyFor();
    const body = { agent: 'development', message: 'Go.' };
    const made = await call(api, 'POST', '/api/execute', body, { token });
    const path = `/api/executions/${made.body.execution_id}/stream`;
    const byQuery = await call(api, 'GET', `${path}?after=x`, undefined, { token });
    expect(byQuery).toMatchObject({ status: 400, body: { code: 'HWINV', field: 'after' } });
    const headers = { 'last-event-id': '1.1.1' };
    const byHeader = await call(api, 'GET', path, undefined, { token, headers });
    expect(byHeader).toMatchObject({ status: 400, body: { field: 'Last-Event-ID' } });
  });

  test('stream and wait together are rejected', async () => {
    const { key } = await keyFor();
    const body = { agent: 'development', message: 'Go.', stream: true, wait: 5 };
    const refused = await call(api, 'POST', '/api/execute', body, { token: key });
    expect(refused).toMatchObject({ status: 400, body: { code: 'HWINV', field: 'wait' } });
  });

  test('a revoked key loses access, including an open stream', async () => {
    const { id, key } = await keyFor();
    const { path } = await begin(key);
    const stream = await openStream(api, path, { token: key });
    await db.pool.query('select howdah.revoke_api_key($1)', [id]);
    await stream.end;
    expect(stream.events.at(-1)).toMatchObject({
      event: 'error',
      data: { code: 'HWDEN', status: 401 },
    });
    answers.resolve();
  });

  test('a revoked key ends an answer that waits for its run', async () => {
    const { id, key } = await keyFor();
    const agent_id = await makeAgent(db.pool, { models: [{ provider: 'openai' }] });
    const body = { agent_id, message: 'Go.', wait: true };
    const answer = call(api, 'POST', '/api/execute', body, { token: key });
    await eventually(
      db.pool,
      'it is waited for',
      `select 1 from howdah_private.watchers as w join howdah.executions as e on e.id = w.execution_id
       where e.agent_id = $1`,
      [agent_id],
    );
    await db.pool.query('select howdah.revoke_api_key($1)', [id]);
    const { status, headers, body: problem } = await answer;
    expect({ status, problem }).toMatchObject({
      status: 401,
      problem: { code: 'HWDEN', reason: 'revoked', detail: 'The API key was revoked.' },
    });
    expect(headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
    answers.resolve();
  });

  test('an opening stream counts against the limit, and leaving it logs no error', async () => {
    const { key: token } = await keyFor();
    const { id } = await begin(token);
    const lines: string[] = [];
    const tight = await startTestApi(db.url, {
      ...tokenOptions,
      log: pino({ level: 'error' }, { write: (line: string) => lines.push(line) }),
      bounds: { connections: 1, tenantStreams: 1 },
    });
    const ask = async (path: string, signal: AbortSignal | null = null) =>
      fetch(`${tight.url}${path}`, { headers: { authorization: `Bearer ${token}` }, signal });
    for (const path of [
      `/api/executions/${id}/stream`,
      `/api/steps/stream?since=1h&execution_id=${id}`,
    ]) {
      const { listed } = await rolledBack(db.pool, async (holder) => {
        await holder.query('lock table howdah.executions in access exclusive mode');
        const listed = ask('/api/executions'); // uses the only connection, and waits for the lock
        await eventually(
          db.pool,
          'the connection is taken',
          `select from pg_stat_activity where application_name = 'howdah-api' and wait_event_type = 'Lock'
             and datname = current_database()`,
        );
        const streams = [new AbortController(), new AbortController()].map((leaving) => ({
          leaving,
          answer: ask(path, leaving.signal),
        }));
        const refused = await Promise.race(
          streams.map(async (stream) => ({ stream, status: (await stream.answer).status })),
        );
        expect(refused.status).toBe(429);
        for (const stream of streams) if (stream !== refused.stream) stream.leaving.abort();
        await Promise.allSettled(streams.map(({ answer }) => answer));
        await ask('/healthz'); // the server has read the earlier requests
        return { listed };
      });
      expect((await listed).status).toBe(200);
      await until(async () => {
        const stream = await openStream(tight, path, { token });
        stream.close();
        return stream.status === 200;
      });
    }
    await tight.close();
    expect(lines).toEqual([]);
    answers.resolve();
  });

  test('hiding an agent from a user ends the user’s streams of its runs', async () => {
    const { key } = await keyFor('member');
    const owner = await keyFor();
    const { agent_id, path } = await begin(owner.key);
    const stream = await openStream(api, path, { token: key });
    expect(stream.status).toBe(200);
    await db.pool.query(
      `insert into howdah.grants (agent_id, role, permission) values ($1, 'admin', 'run')`,
      [agent_id],
    );
    await stream.end;
    expect(stream.events.at(-1)).toMatchObject({
      event: 'error',
      data: { code: 'HWNTF', status: 404 },
    });
    answers.resolve();
    const again = await call(api, 'GET', path, undefined, { token: key });
    expect(again).toMatchObject({ status: 404, body: { code: 'HWNTF' } });
  });
});
