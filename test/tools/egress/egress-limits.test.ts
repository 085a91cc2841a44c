import { once } from 'node:events';
import net from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Outcome } from '../../../src/contracts/errors.ts';
import { createEgress, type EgressAnswer } from '../../../src/tools/egress.ts';
import { selfSigned } from '../certificate.ts';
import { dialTo, listenOnLoopback, startServer } from '../servers.ts';

const signal = () => AbortSignal.timeout(20_000);
const PUBLIC = { address: '93.184.215.14', family: 4 };

function errorOf(outcome: Outcome<unknown>) {
  if (outcome.ok) throw new Error('the request was answered');
  return outcome.error;
}

function answerOf(outcome: Outcome<EgressAnswer<Buffer>>) {
  if (!outcome.ok) throw new Error(outcome.error.message);
  return { ...outcome.value, body: outcome.value.body.toString() };
}

describe('a redirect', () => {
  /** Starts a server that redirects `/3` over `/2` and `/1` to `/0`. */
  const startRedirectServer = () =>
    startServer(({ path }, response) => {
      const left = Number(path.slice(1));
      if (left === 0) response.end('there');
      else response.writeHead(302, { location: `/${left - 1}` }).end();
    });

  test('is followed up to three times', async () => {
    const server = await startRedirectServer();
    const egress = createEgress({ allowPrivate: [server.host] });
    const ask = (path: string) => egress.send({ url: server.url + path, signal: signal() });
    expect(answerOf(await ask('/3'))).toMatchObject({ url: `${server.url}/0`, body: 'there' });
    const error = errorOf(await ask('/4'));
    expect(error).toMatchObject({ code: 'invalid_request', retryable: false });
    expect(error.message).toContain('3 redirects');
    expect(server.seen.map(({ path }) => path)).toEqual([
      '/3',
      '/2',
      '/1',
      '/0',
      '/4',
      '/3',
      '/2',
      '/1',
    ]);
  });

  test('is returned on request, and when it has no location', async () => {
    const server = await startServer(({ path }, response) => {
      response.writeHead(302, path === '/to' ? { location: '/there' } : {}).end();
    });
    const egress = createEgress({ allowPrivate: [server.host] });
    const manual = await egress.send({
      url: `${server.url}/to`,
      redirect: 'manual',
      signal: signal(),
    });
    expect(answerOf(manual).headers.get('location')).toBe('/there');
    const redirect = await egress.send({ url: `${server.url}/nowhere`, signal: signal() });
    expect(answerOf(redirect).status).toBe(302);
  });

  test.each([
    ['http://127.0.0.1:5432/', 'not a public address'],
    ['//127.0.0.1/', 'not a public address'],
    ['http://[::ffff:169.254.169.254]/', 'not a public address'],
    ['http://localhost/', 'not a public address'],
    ['http://inside.example/', 'not a public address'],
    ['http://a:b@outside.example/', 'user name'],
    ['file:///etc/passwd', 'only https and http'],
    ['data:text/plain,hello', 'only https and http'],
    ['http://[nonsense/', 'no URL'],
  ])('to %s is rejected', async (location, reason) => {
    const server = await startServer((_request, response) => {
      response.writeHead(302, { location }).end();
    });
    const dial = dialTo(() => server.port);
    const resolve = async (host: string) =>
      host === 'inside.example' ? [{ address: '10.0.0.1', family: 4 }] : [PUBLIC];
    const egress = createEgress({ allowPrivate: [], dial, resolve });
    const error = errorOf(await egress.send({ url: 'http://start.example/', signal: signal() }));
    expect(error).toMatchObject({ code: 'invalid_request', retryable: false });
    expect(error.message).toContain(reason);
    expect(dial.calls.map(({ host }) => host)).toEqual(['start.example']);
  });

  test('from https to http is rejected', async () => {
    const certificate = selfSigned('start.example');
    const server = await startServer((_request, response) => {
      response.writeHead(307, { location: 'http://start.example/' }).end();
    }, certificate);
    const dial = dialTo(() => server.port, certificate.cert);
    const egress = createEgress({ allowPrivate: [], dial, resolve: async () => [PUBLIC] });
    const error = errorOf(await egress.send({ url: 'https://start.example/', signal: signal() }));
    expect(error).toMatchObject({ code: 'invalid_request', retryable: false });
    expect(error.message).toContain('from https to http');
    expect(dial.calls).toHaveLength(1);
  });

  test('to a host off the allow list of the caller is rejected', async () => {
    const server = await startServer((_request, response) => {
      response.writeHead(302, { location: 'http://other.example/' }).end();
    });
    const dial = dialTo(() => server.port);
    const egress = createEgress({ allowPrivate: [], dial, resolve: async () => [PUBLIC] });
    const only = [{ host: 'start.example', wildcard: false, port: null }];
    const url = 'http://start.example/';
    const error = errorOf(await egress.send({ url, only, signal: signal() }));
    expect(error.message).toContain('may not reach other.example:80');
    expect(dial.calls).toHaveLength(1);
  });

  test('to another origin carries no headers meant for the first', async () => {
    const server = await startServer(({ path }, response) => {
      if (path === '/end') response.end();
      else {
        const location = path === '/far' ? 'http://b.example/end' : '/end';
        response.writeHead(307, { location }).end();
      }
    });
    const egress = createEgress({
      allowPrivate: [],
      dial: dialTo(() => server.port),
      resolve: async () => [PUBLIC],
    });
    const ask = (path: string) =>
      egress.send({
        url: `http://a.example${path}`,
        method: 'POST',
        body: '{}',
        headers: new Headers({
          authorization: 'Bearer x',
          'x-api-key': 'x',
          'content-type': 'application/json',
          'idempotency-key': 'k',
        }),
        signal: signal(),
      });
    await ask('/near');
    await ask('/far');
    const [, near, , far] = server.seen;
    expect(near).toMatchObject({ method: 'POST', body: '{}' });
    expect(near?.headers).toMatchObject({ authorization: 'Bearer x', 'x-api-key': 'x' });
    expect(far).toMatchObject({ method: 'POST', body: '{}' });
    expect(far?.headers).toMatchObject({
      host: 'b.example',
      'content-type': 'application/json',
      'idempotency-key': 'k',
    });
    expect(Object.keys(far?.headers ?? {})).not.toContain('authorization');
    expect(Object.keys(far?.headers ?? {})).not.toContain('x-api-key');
  });

  test.each([
    [301, 'POST', 'GET'],
    [302, 'POST', 'GET'],
    [303, 'PUT', 'GET'],
    [303, 'HEAD', 'HEAD'],
    [302, 'PUT', 'PUT'],
    [307, 'POST', 'POST'],
    [308, 'DELETE', 'DELETE'],
  ])('%i of %s continues as %s', async (status, method, then) => {
    const server = await startServer(({ path }, response) => {
      response.writeHead(path === '/' ? status : 200, { location: '/end' }).end();
    });
    const egress = createEgress({ allowPrivate: [server.host] });
    const body = method === 'HEAD' ? undefined : 'text';
    const headers = new Headers({ 'content-type': 'text/plain' });
    await egress.send({ url: server.url, method, body, headers, signal: signal() });
    const last = server.seen.at(-1);
    expect(last).toMatchObject({
      path: '/end',
      method: then,
      body: then === method ? (body ?? '') : '',
    });
    expect(last?.headers['content-type']).toBe(then === method ? 'text/plain' : undefined);
  });
});

describe('a body', () => {
  const MEBIBYTE = 1_048_576;
  const bomb = gzipSync(Buffer.alloc(64 * MEBIBYTE));
  // Gzip members without content: they have a size on the wire and decompress to nothing.
  const hollow = Buffer.concat(Array.from({ length: 4_000 }, () => gzipSync('')));

  test.each([
    ['with a gzip bomb', 'gzip', bomb],
    ['with a brotli bomb', 'br', brotliCompressSync(Buffer.alloc(8 * MEBIBYTE))],
    ['that is one byte too long', 'identity', Buffer.alloc(MEBIBYTE + 1)],
  ])('%s is cut off with an error that names the limit', async (_, coding, body) => {
    const server = await startServer((_request, response) => {
      response.writeHead(200, { 'content-encoding': coding }).end(body);
    });
    const egress = createEgress({ allowPrivate: [server.host] });
    const error = errorOf(await egress.send({ url: server.url, signal: signal() }));
    expect(error).toMatchObject({
      code: 'tool_failed',
      retryable: false,
      cause: { host: '127.0.0.1', max_bytes: MEBIBYTE },
    });
    expect(error.message).toContain('1048576 bytes');
  });

  test.each([
    ['uncompressed', {}, Buffer.alloc(65_536, 'x')],
    ['compressed chunks of zero bytes', { 'content-encoding': 'gzip' }, hollow],
  ])('that never ends (%s) is cut off, and the connection closed', async (_, headers, chunk) => {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    const server = await startServer((_request, response) => {
      response.on('close', resolve).writeHead(200, headers);
      const pour = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', pour);
      pour();
    });
    const egress = createEgress({ allowPrivate: [server.host] });
    const error = errorOf(await egress.send({ url: server.url, signal: signal() }));
    expect(error.message).toContain('1048576 bytes');
    await closed;
  });

  test('of exactly the limit is read, and the limit can be changed', async () => {
    const server = await startServer((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x'.repeat(1_000)));
    });
    const egress = createEgress({ allowPrivate: [server.host] });
    const ask = (maxBytes: number) => egress.send({ url: server.url, maxBytes, signal: signal() });
    expect(answerOf(await ask(1_000)).body).toBe('x'.repeat(1_000));
    expect(errorOf(await ask(999)).message).toContain('999 bytes');
  });

  test.each([
    ['HEAD', 200, ''],
    ['GET', 204, ''],
    ['GET', 304, ''],
    ['GET', 200, ''],
  ])('that is absent needs no decompression (%s, %i)', async (method, status, body) => {
    const server = await startServer((_request, response) => {
      response.writeHead(status, { 'content-encoding': 'gzip' }).end();
    });
    const egress = createEgress({ allowPrivate: [server.host] });
    expect(
      answerOf(await egress.send({ url: server.url, method, signal: signal() })),
    ).toMatchObject({ status, body });
  });

  test('with an unrequested compression is a bad answer', async () => {
    const server = await startServer((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip, gzip' }).end(gzipSync(gzipSync('x')));
    });
    const egress = createEgress({ allowPrivate: [server.host] });
    expect(errorOf(await egress.send({ url: server.url, signal: signal() })).code).toBe(
      'bad_answer',
    );
    expect(server.seen[0]?.headers['accept-encoding']).toBe('gzip, br');
  });
});

describe('time limits', () => {
  test('apply to connecting: a resolver or a peer that does not respond', async () => {
    const mute = net.createServer((socket) => void socket.on('error', () => {}));
    const port = await listenOnLoopback(mute);
    onTestFinished(() => void mute.close());
    const never = () => new Promise<never>(() => {});
    const looksUp = createEgress({ allowPrivate: [], connectMs: 50, resolve: never });
    const shakesHands = createEgress({ allowPrivate: ['127.0.0.1'], connectMs: 50 });
    for (const outcome of [
      await looksUp.send({ url: 'http://slow.example/', signal: signal() }),
      await shakesHands.send({ url: `https://127.0.0.1:${port}/`, signal: signal() }),
    ]) {
      const error = errorOf(outcome);
      expect(error).toMatchObject({ code: 'timeout', retryable: true });
      expect(error.message).toContain('50 ms');
    }
  });

  test('for connecting end once connected: the answer may take longer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const server = await startServer((_request, response) => {
      vi.advanceTimersByTime(60_000);
      response.end('late');
    });
    const egress = createEgress({ allowPrivate: [server.host] });
    expect(answerOf(await egress.send({ url: server.url, signal: signal() })).body).toBe('late');
  });

  const timedOut = () => new DOMException('too long', 'TimeoutError');

  test('of the whole request follow the signal, before the answer', async () => {
    const clock = new AbortController();
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    const server = await startServer((_request, response) => {
      response.on('close', resolve);
      clock.abort(timedOut());
    });
    const egress = createEgress({ allowPrivate: [server.host] });
    const outcome = await egress.send({ url: server.url, signal: clock.signal });
    expect(errorOf(outcome)).toMatchObject({ code: 'timeout', retryable: true });
    await closed;
  });

  test('of the whole request follow the signal, within the body', async () => {
    const clock = new AbortController();
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    const server = await startServer((_request, response) => {
      response.on('close', resolve).write('begun');
    });
    const egress = createEgress({ allowPrivate: [server.host] });
    const opened = await egress.open({ url: server.url, signal: clock.signal });
    if (!opened.ok) throw new Error(opened.error.message);
    const reading = egress.read(opened.value, clock.signal);
    clock.abort(timedOut());
    expect(errorOf(await reading)).toMatchObject({ code: 'timeout', retryable: true });
    await closed;
  });

  test('a call that the caller aborts ends and closes the socket', async () => {
    const caller = new AbortController();
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    const server = await startServer((_request, response) => {
      response.on('close', resolve);
      caller.abort();
    });
    const egress = createEgress({ allowPrivate: [server.host] });
    const ask = () => egress.send({ url: server.url, signal: caller.signal });
    expect(errorOf(await ask())).toMatchObject({ code: 'cancelled', retryable: false });
    await closed;
    expect(errorOf(await ask()).code).toBe('cancelled');
    expect(server.seen).toHaveLength(1);
  });
});

describe('a peer', () => {
  /** Starts a server that answers every connection with these bytes, or resets it. */
  async function startPeer(answer: (socket: net.Socket) => void): Promise<string> {
    const server = net.createServer((socket) => {
      socket.on('error', () => {}).once('data', () => answer(socket));
    });
    const port = await listenOnLoopback(server);
    onTestFinished(() => void server.close());
    return `127.0.0.1:${port}`;
  }
  const ask = (host: string) =>
    createEgress({ allowPrivate: [host] }).send({ url: `http://${host}/`, signal: signal() });

  test('that refuses connections is unreachable', async () => {
    const server = net.createServer();
    const port = await listenOnLoopback(server);
    await once(server.close(), 'close');
    expect(errorOf(await ask(`127.0.0.1:${port}`))).toMatchObject({
      code: 'unreachable',
      retryable: true,
      cause: { host: '127.0.0.1', reason: 'ECONNREFUSED' },
    });
  });

  test.each([
    ['resets the connection', (socket: net.Socket) => void socket.resetAndDestroy(), 'unreachable'],
    [
      'breaks off halfway',
      (socket: net.Socket) => void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx'),
      'unreachable',
    ],
    [
      'uses another protocol',
      (socket: net.Socket) => void socket.end('220 SMTP\r\n'),
      'bad_answer',
    ],
    [
      'switches protocols',
      (socket: net.Socket) =>
        void socket.end('HTTP/1.1 101 Go\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
      'bad_answer',
    ],
    [
      'sends endless headers',
      (socket: net.Socket) =>
        void socket.end(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(100_000)}\r\n\r\n`),
      'bad_answer',
    ],
  ])('that %s causes a retryable error', async (_, answer, code) => {
    expect(errorOf(await ask(await startPeer(answer)))).toMatchObject({ code, retryable: true });
  });
});

test('a request that cannot be sent returns an error instead of throwing', async () => {
  const egress = createEgress({ allowPrivate: ['127.0.0.1'] });
  const outcome = await egress.send({ url: 'http://127.0.0.1/', method: 'A B', signal: signal() });
  expect(errorOf(outcome)).toMatchObject({ code: 'invalid_request', retryable: false });
});
