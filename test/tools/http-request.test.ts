import type http from 'node:http';
import { describe, expect, test } from 'vitest';
import type { BuiltinContext, ToolOutcome } from '../../src/contracts/agents/tool.ts';
import { ExactNumber } from '../../src/json/exact-number.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { httpRequestTool } from '../../src/tools/http-request.ts';
import { RESULT_LIMIT_BYTES, resultText } from '../../src/tools/result-limit.ts';
import { startServer, type TestServer } from './servers.ts';

const SECRETS: Record<string, string> = {
  shop: 'tok-9f8e7d6c5b4a',
  lines: 'LINE1-abcdefgh\nLINE2-ijklmnop',
  digits: '123456789012345',
};

const context = (extra: Partial<BuiltinContext> = {}): BuiltinContext => ({
  execution_id: 'e',
  tenant_id: 't',
  agent_id: 'a',
  session_id: null,
  root_execution_id: 'e',
  metadata: {},
  idempotency_key: 'e:3:call_1',
  signal: AbortSignal.timeout(20_000),
  readSecret: async (name) => {
    const value = SECRETS[name];
    return value === undefined
      ? { ok: false, error: { code: 'not_found', message: `no ${name}`, retryable: false } }
      : { ok: true, value };
  },
  accessToken: undefined as never, // no integration is used
  files: undefined as never, // no files are used
  secondModel: undefined as never, // no second model is used
  ...extra,
});

/** Sends one request to a server on loopback, which the tool may access. */
function call(
  server: TestServer,
  args: JsonObject,
  { configuration = {}, ...extra }: Partial<BuiltinContext> & { configuration?: JsonObject } = {},
): Promise<ToolOutcome> {
  const tool = httpRequestTool({ allowPrivate: [server.host] });
  return tool.run({ url: server.url, ...args }, context(extra), configuration);
}

function resultOf(outcome: ToolOutcome): JsonObject {
  if (!outcome.ok) throw new Error(outcome.error.message);
  return outcome.value as JsonObject;
}

function errorOf(outcome: ToolOutcome) {
  if (outcome.ok) throw new Error(`answered: ${JSON.stringify(outcome.value)}`);
  return outcome.error;
}

const startAnswering = (
  status: number,
  headers: http.OutgoingHttpHeaders,
  body: string | Buffer = '',
) => startServer((_request, response) => response.writeHead(status, headers).end(body));

const JSON_TYPE = { 'content-type': 'application/json' };

test('a GET returns the status, some headers and the body', async () => {
  const server = await startAnswering(
    200,
    { ...JSON_TYPE, etag: '"1"', 'set-cookie': 's=1', 'x-powered-by': 'y', date: 'now' },
    '{"a": [1, null]}',
  );
  expect(resultOf(await call(server, {}))).toEqual({
    status: 200,
    headers: { 'content-type': 'application/json', date: 'now', etag: '"1"' },
    body: { a: [1, null] },
    truncated: false,
  });
  const [seen] = server.seen;
  expect(seen).toMatchObject({ method: 'GET', path: '/', body: '' });
  expect(seen?.headers).toEqual({
    accept: '*/*',
    'accept-encoding': 'gzip, br',
    connection: 'close',
    'howdah-execution': 'e',
    host: server.host,
    'user-agent': 'howdah',
  });
});

test('an answer after a redirect contains its final URL', async () => {
  const server = await startServer(({ path }, response) => {
    response.writeHead(path === '/' ? 302 : 200, { location: '/new' }).end();
  });
  expect(resultOf(await call(server, {}))).toMatchObject({ status: 200, url: `${server.url}/new` });
});

describe('a body', () => {
  test.each([
    ['plain text', 'hello', 'hello', 'text/plain;charset=utf-8'],
    ['an object', { a: 'ü' }, '{"a":"ü"}', 'application/json'],
    ['a list', [1, 2], '[1,2]', 'application/json'],
    ['text that is JSON', ' {"a": 1}', ' {"a": 1}', 'application/json'],
    ['text that only resembles JSON', '{a}', '{a}', 'text/plain;charset=utf-8'],
  ])('of %s is sent with its type and length', async (_, body, sent, type) => {
    const server = await startAnswering(200, {});
    resultOf(await call(server, { method: 'DELETE', body }));
    expect(server.seen[0]).toMatchObject({
      body: sent,
      headers: { 'content-type': type, 'content-length': String(Buffer.byteLength(sent)) },
    });
  });

  test('has the content type that the caller names', async () => {
    const server = await startAnswering(200, {});
    const headers = { 'Content-Type': 'application/vnd.api+json' };
    await call(server, { method: 'POST', headers, body: { a: 1 } });
    expect(server.seen[0]?.headers['content-type']).toBe('application/vnd.api+json');
  });

  test('with GET or HEAD is rejected, and an empty one counts as absent', async () => {
    const server = await startAnswering(200, {});
    for (const method of ['GET', 'HEAD']) {
      const error = errorOf(await call(server, { method, body: 'x' }));
      expect(error).toMatchObject({ code: 'invalid_arguments', retryable: false });
      expect(error.message).toMatch(/^body: /);
    }
    resultOf(await call(server, { body: '' }));
    resultOf(await call(server, { body: null }));
    expect(server.seen).toHaveLength(2);
  });
});

describe('Idempotency-Key', () => {
  test.each([
    ['GET', undefined],
    ['HEAD', undefined],
    ['POST', 'e:3:call_1'],
    ['PUT', 'e:3:call_1'],
    ['PATCH', 'e:3:call_1'],
    ['DELETE', 'e:3:call_1'],
  ])('for %s is %s', async (method, key) => {
    const server = await startAnswering(200, {});
    resultOf(await call(server, { method }));
    expect(server.seen[0]?.headers['idempotency-key']).toBe(key);
  });

  test('is the value set by the caller, if any', async () => {
    const server = await startAnswering(200, {});
    await call(server, { method: 'POST', headers: { 'IDEMPOTENCY-KEY': 'mine' } });
    expect(server.seen[0]?.headers['idempotency-key']).toBe('mine');
  });

  test('is percent-encoded, whatever the call id of the model', async () => {
    const server = await startAnswering(200, {});
    resultOf(await call(server, { method: 'POST' }, { idempotency_key: 'e:3:a b\r\nx: ü\ud800' }));
    expect(server.seen[0]?.headers['idempotency-key']).toBe('e:3:a%20b%0D%0Ax:%20%C3%BC%EF%BF%BD');
  });
});

describe('a header', () => {
  test.each([
    'Host',
    'connection',
    'Content-Length',
    'transfer-encoding',
    'TE',
    'trailer',
    'upgrade',
    'expect',
    'keep-alive',
    'accept-encoding',
    'Cookie',
    'proxy-authorization',
    'Proxy-Connection',
  ])('%s cannot be set, by the model or the row', async (name) => {
    const server = await startAnswering(200, {});
    const own = errorOf(await call(server, { headers: { [name]: 'x' } }));
    expect(own).toMatchObject({ code: 'invalid_arguments', retryable: false });
    expect(own.message).toContain(`headers.${name} `);
    const configuration = { headers: { [name]: 'x' } };
    const fixed = errorOf(await call(server, {}, { configuration }));
    expect(fixed).toMatchObject({ code: 'tool_failed', retryable: false });
    expect(fixed.message).toContain(`configuration.headers.${name} `);
    expect(server.seen).toEqual([]);
  });

  test.each([
    ['a b', 'x'],
    ['', 'x'],
    ['x', 'a\r\nhost: evil'],
    ['x', 'a\u0000'],
    ['x', '€'],
    ['x', 1],
  ])('%j: %j is rejected', async (name, value) => {
    const server = await startAnswering(200, {});
    const error = errorOf(await call(server, { headers: { [name]: value } }));
    expect(error).toMatchObject({ code: 'invalid_arguments', retryable: false });
    expect(error.message).toContain(`headers.${name} `);
    expect(server.seen).toEqual([]);
  });

  test('of the row overrides the one of the model', async () => {
    const server = await startAnswering(200, {});
    const configuration = { headers: { Accept: 'application/json', 'X-Team': 'blue' } };
    const headers = { 'x-team': 'red', 'X-Own': 'yes', ['__proto__']: 'x' };
    resultOf(await call(server, { headers }, { configuration }));
    expect(server.seen[0]?.headers).toMatchObject({
      accept: 'application/json',
      'x-team': 'blue',
      'x-own': 'yes',
    });
  });
});

describe('configuration.allow', () => {
  test('narrows the reachable hosts', async () => {
    const server = await startAnswering(200, {});
    const ask = (allow: JsonObject['x']) =>
      call(server, {}, { configuration: { allow } as JsonObject });
    resultOf(await ask([server.host]));
    resultOf(await ask(['*.example.com', '127.0.0.1']));
    for (const allow of [[], ['*.example.com'], [`127.0.0.1:${server.port + 1}`]]) {
      const error = errorOf(await ask(allow));
      expect(error).toMatchObject({ code: 'invalid_request', retryable: false });
      expect(error.message).toContain(`may not reach ${server.host}`);
    }
    expect(server.seen).toHaveLength(2);
  });

  test('opens no private host', async () => {
    const server = await startAnswering(200, {});
    const tool = httpRequestTool({ allowPrivate: [] });
    const configuration = { allow: [server.host] };
    const error = errorOf(await tool.run({ url: server.url }, context(), configuration));
    expect(error).toMatchObject({ code: 'invalid_request', cause: { host: '127.0.0.1' } });
    expect(error.message).toContain('HOWDAH_EGRESS_ALLOW');
    expect(server.seen).toEqual([]);
  });

  test.each([[['http://x']], [[1]], ['a/b'], [{ a: 1 }]])(
    '%j is a fault of the row',
    async (allow) => {
      const server = await startAnswering(200, {});
      const error = errorOf(await call(server, {}, { configuration: { allow } }));
      expect(error).toMatchObject({ code: 'tool_failed', retryable: false });
      expect(error.message).toContain('configuration.allow');
      expect(server.seen).toEqual([]);
    },
  );
});

describe('a status', () => {
  test.each([
    [408, 'timeout'],
    [429, 'rate_limited'],
    [500, 'overloaded'],
    [501, 'overloaded'],
    [503, 'overloaded'],
    [504, 'timeout'],
    [599, 'overloaded'],
  ])('%i is the retryable error %s', async (status, code) => {
    const server = await startAnswering(status, JSON_TYPE, '{"why":"busy"}');
    expect(errorOf(await call(server, {}))).toEqual({
      code,
      message: `${server.host} answered with status ${status}`,
      retryable: true,
      cause: { host: server.host, status, body: '{"why":"busy"}' },
    });
  });

  test.each([201, 204, 304, 400, 401, 403, 404, 409, 410, 422])(
    '%i is a result that the model can read',
    async (status) => {
      expect(resultOf(await call(await startAnswering(status, {}), {}))).toMatchObject({ status });
    },
  );

  test.each([
    ['7', 7_000, 7_000],
    [new Date(Date.now() + 3_600_000).toUTCString(), 3_500_000, 3_600_000],
  ])('with Retry-After: %s sets the delay of a retry', async (value, least, most) => {
    const server = await startAnswering(503, { 'retry-after': value });
    const { retry_after_ms } = errorOf(await call(server, {}));
    expect(retry_after_ms).toBeGreaterThanOrEqual(least);
    expect(retry_after_ms).toBeLessThanOrEqual(most);
  });

  test('of an error is reported even if its body is endless, broken or not text', async () => {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    const endless = await startServer((_request, response) => {
      response.on('close', resolve).writeHead(500, { 'content-type': 'text/plain' });
      const pour = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      };
      response.on('drain', pour);
      pour();
    });
    const error = errorOf(await call(endless, {}));
    expect(error.cause).toEqual({ host: endless.host, status: 500, body: 'x'.repeat(1_000) });
    await closed;
    const broken = await startAnswering(500, { 'content-encoding': 'gzip' }, 'no gzip');
    expect(errorOf(await call(broken, {})).cause).toEqual({ host: broken.host, status: 500 });
    const image = await startAnswering(500, { 'content-type': 'image/png' }, Buffer.alloc(10));
    expect(errorOf(await call(image, {})).cause).toEqual({ host: image.host, status: 500 });
  });
});

describe('an answer', () => {
  test.each<[string, string | undefined, string | Buffer, unknown]>([
    ['valid JSON', 'application/problem+json; charset=utf-8', '{"a":1}', { a: 1 }],
    ['invalid JSON', 'application/json', '{"a":', '{"a":'],
    [
      'JSON with a long number',
      'application/json',
      '[9007199254740993]',
      [new ExactNumber('9007199254740993')],
    ],
    ['text', 'text/markdown', '<p>ü</p>', '<p>ü</p>'],
    ['an HTML page', 'text/html', '<p>ü</p>', 'ü'],
    ['text in Latin 1', 'text/plain; charset=ISO-8859-1', Buffer.from([0xfc]), 'ü'],
    ['text in an unknown charset', 'text/plain; charset="x"', 'ü', 'ü'],
    ['text with invalid UTF-8', 'text/plain', Buffer.from([0x61, 0xff]), 'a\ufffd'],
    ['XML', 'application/atom+xml', '<a/>', '<a/>'],
    ['bytes', 'image/png', Buffer.alloc(10), '[not text: image/png, 10 bytes]'],
    ['text without a content type', undefined, 'hello', 'hello'],
    [
      'bytes without a content type',
      undefined,
      Buffer.from([0, 1]),
      '[not text: of unknown type, 2 bytes]',
    ],
    [
      'bytes without a content type or a NUL',
      undefined,
      Buffer.from([0xff]),
      '[not text: of unknown type, 1 bytes]',
    ],
    ['zero bytes', 'application/json', '', ''],
  ])('of %s is returned', async (_, type, body, expected) => {
    const server = await startAnswering(
      200,
      type === undefined ? {} : { 'content-type': type },
      body,
    );
    expect(resultOf(await call(server, {}))).toMatchObject({ body: expected, truncated: false });
  });

  test.each([
    ['text/plain', 'x'.repeat(100_000)],
    ['text/plain', '"\\\u0001'.repeat(40_000)],
    ['text/plain', '😀'.repeat(30_000)],
    ['application/json', JSON.stringify(Array.from({ length: 20_000 }, (_, i) => `ü${i}`))],
  ])('longer than the result limit is truncated to valid JSON: %s %#', async (type, body) => {
    const server = await startAnswering(200, { 'content-type': type }, body);
    const result = resultOf(await call(server, {}));
    expect(result.truncated).toBe(true);
    expect(body.startsWith(String(result.body))).toBe(true);
    const text = resultText({ ok: true, value: result });
    expect(JSON.parse(text)).toEqual(result);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(RESULT_LIMIT_BYTES);
    expect(Buffer.byteLength(text)).toBeGreaterThan(RESULT_LIMIT_BYTES * 0.9);
  });

  test('larger than a mebibyte is an error that names the limit', async () => {
    const server = await startAnswering(
      200,
      { 'content-type': 'text/plain' },
      'x'.repeat(1_048_577),
    );
    const error = errorOf(await call(server, {}));
    expect(error).toMatchObject({ code: 'tool_failed', retryable: false });
    expect(error.message).toContain('1048576 bytes');
  });
});

test('a private target is rejected, by argument and by redirect', async () => {
  const server = await startAnswering(302, {
    location: 'http://169.254.169.254/latest/meta-data/',
  });
  for (const args of [{}, { url: 'http://169.254.169.254/latest/meta-data/' }]) {
    expect(errorOf(await call(server, args))).toMatchObject({
      code: 'invalid_request',
      cause: { host: '169.254.169.254' },
    });
  }
});

test('the tool’s signal ends the request and closes the socket', async () => {
  const run = new AbortController();
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const server = await startServer((_request, response) => {
    response.on('close', resolve);
    run.abort();
  });
  expect(errorOf(await call(server, {}, { signal: run.signal })).code).toBe('cancelled');
  await closed;
});

describe('a web page', () => {
  const PAGE = `<!doctype html><html><head><title>Shop &amp; Co</title><script>var a = '<p>no</p>'</script></head>
    <body><nav><a href="/">Home</a></nav><h1>Returns</h1><p>Within <b>30</b> days, see <a href="terms?x=1#a">the terms</a>
    or <a href="javascript:alert(1)">ask</a>.</p><ul><li>unused<li>with bill</ul>
    <table><tr><th>Country</th><th>Cost</th></tr><tr><td>DE</td><td>0 €</td></tr></table><pre>a\n  b</pre>
    <img src="x.png" alt="A parcel"><template>no</template></body></html>`;
  const html = { 'content-type': 'text/html; charset=utf-8' };

  test('is rendered as text, with links resolved against its URL', async () => {
    const server = await startAnswering(200, html, PAGE);
    const { body } = resultOf(await call(server, { url: `${server.url}/help/returns` }));
    expect(body).toBe(
      [
        'Shop & Co',
        '',
        '# Returns',
        `Within 30 days, see the terms (${server.url}/help/terms?x=1#a) or ask.`,
        '- unused',
        '- with bill',
        'Country | Cost',
        'DE | 0 €',
        'a\n  b',
        '[A parcel]',
      ].join('\n'),
    );
  });

  test('is returned unchanged when its source is requested', async () => {
    const server = await startAnswering(200, html, PAGE);
    expect(resultOf(await call(server, { html: 'source' })).body).toBe(PAGE);
  });

  test.each([
    ['that is nested too deep is returned as its source', '<div>'.repeat(100_000), '<div>'],
    [
      'with very many links is rendered in linear time',
      `${'<a href=/x>x</a>'.repeat(60_000)}`,
      'x (',
    ],
    [
      'with very long links is rendered without their targets',
      '<a href=x>y</a>'.repeat(60_000),
      'yyy',
    ],
    ['that breaks off is rendered up to its end', '<h1>Half a <b>tit', '# Half a tit'],
    ['with unusual element names is rendered', '<constructor>a</constructor><valueof>b', 'ab'],
  ])('%s', async (_, body, beginning) => {
    const server = await startAnswering(200, html, body);
    const url = `${server.url}/${beginning === 'yyy' ? 'u'.repeat(12_000) : ''}`;
    expect(String(resultOf(await call(server, { url })).body).startsWith(beginning)).toBe(true);
  });
});

describe('configuration', () => {
  const echo = () =>
    startServer((request, response) =>
      response.writeHead(200, JSON_TYPE).end(
        JSON.stringify({
          said: request.headers.authorization ?? null,
          [`${request.headers.authorization}`]: 1,
        }),
      ),
    );
  const secretFor = (...hosts: string[]) => ({
    secrets: { authorization: { secret_name: 'shop', hosts, prefix: 'Bearer ' } },
  });

  test('methods limit the HTTP methods of a request', async () => {
    const server = await startAnswering(200, {}, 'ok');
    const configuration = { methods: ['GET'] };
    expect(errorOf(await call(server, { method: 'POST' }, { configuration }))).toMatchObject({
      code: 'invalid_arguments',
      message: 'method: this tool may only be used with GET',
    });
    expect(server.seen).toHaveLength(0);
    expect(resultOf(await call(server, {}, { configuration })).body).toBe('ok');
  });

  test('a secret is sent to its hosts only, overrides the model, and is never returned', async () => {
    const server = await echo();
    const args = { headers: { Authorization: 'mine' } };
    const configuration = secretFor(server.host);
    const result = resultOf(await call(server, args, { configuration }));
    expect(server.seen[0]?.headers.authorization).toBe('Bearer tok-9f8e7d6c5b4a');
    expect(result.body).toEqual({ said: 'Bearer ***', 'Bearer ***': 1 });
  });

  test.each([
    ['another port', (server: TestServer) => [`127.0.0.1:${server.port + 1}`]],
    ['another host', () => ['example.com', '*.example.com']],
    // unencrypted only if the port is explicit
    ['http without an explicit port', () => ['127.0.0.1']],
  ])('a secret is not sent to %s', async (_, hosts) => {
    const server = await echo();
    const configuration = secretFor(...hosts(server));
    expect(resultOf(await call(server, {}, { configuration })).body).toMatchObject({ said: null });
  });

  test('a secret is not forwarded by a redirect to another host', async () => {
    const there = await echo();
    const here = await startAnswering(302, { location: there.url });
    const tool = httpRequestTool({ allowPrivate: [here.host, there.host] });
    const outcome = await tool.run({ url: here.url }, context(), secretFor(here.host, there.host));
    expect(here.seen[0]?.headers.authorization).toContain('tok-');
    expect(resultOf(outcome).body).toMatchObject({ said: null });
  });

  test.each([
    ['a secret with a line break', { secret_name: 'lines' }, 'authorization'],
    ['a prefix with a line break', { secret_name: 'shop', prefix: 'a\nb' }, 'authorization'],
    ['a prefix with a non-Latin character', { secret_name: 'shop', prefix: '☃ ' }, 'authorization'],
    ['an invalid header name', { secret_name: 'shop' }, 'bad name'],
    ['a reserved header name', { secret_name: 'shop' }, 'host'],
  ])('%s is reported without the secret', async (_, entry, header) => {
    const server = await echo();
    const configuration = { secrets: { [header]: { ...entry, hosts: [server.host] } } };
    const error = errorOf(await call(server, {}, { configuration }));
    expect(error).toMatchObject({ code: 'tool_failed', retryable: false });
    expect(JSON.stringify(error)).not.toMatch(/tok-|LINE/);
    expect(server.seen).toHaveLength(0);
  });

  test.each([
    [200, 65_300],
    [200, 65_340],
    [200, 65_360],
    [503, 960],
    [503, 980],
    [503, 3_990],
    [503, 0],
  ])(
    'a truncated secret is not returned in part: status %i, after %i characters',
    async (status, pad) => {
      const server = await startServer((request, response) => {
        const said = `${request.headers.authorization} `;
        const text = pad === 0 ? said.repeat(400) : 'p'.repeat(pad) + said.repeat(3);
        response.writeHead(status, { 'content-type': 'text/plain' }).end(text);
      });
      const configuration = secretFor(server.host);
      const outcome = await call(server, {}, { configuration });
      expect(server.seen[0]?.headers.authorization).toContain('tok-');
      expect(JSON.stringify(outcome)).not.toMatch(/tok-?9?/);
    },
  );

  test('a secret of digits is redacted as a number as well', async () => {
    const server = await startServer((_request, response) =>
      response.writeHead(200, JSON_TYPE).end('{"k": 123456789012345}'),
    );
    const configuration = {
      secrets: { 'x-key': { secret_name: 'digits', hosts: [server.host] } },
    };
    expect(resultOf(await call(server, {}, { configuration })).body).toBe('{"k": ***}');
  });

  test('a missing secret is an error of the tool, and nothing is sent', async () => {
    const server = await echo();
    const configuration = {
      secrets: { authorization: { secret_name: 'gone', hosts: [server.host] } },
    };
    expect(errorOf(await call(server, {}, { configuration }))).toMatchObject({
      code: 'tool_failed',
    });
    expect(server.seen).toHaveLength(0);
  });
});
