import { existsSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../../src/contracts/errors.ts';
import { parseHostPattern } from '../../../src/network/host-pattern.ts';
import { isPublicAddress } from '../../../src/tools/egress/address.ts';
import { createEgress, type EgressAnswer, type EgressOptions } from '../../../src/tools/egress.ts';
import { selfSigned } from '../certificate.ts';
import { dialTo, startServer, type TestServer } from '../servers.ts';

/**
 * Returns a signal for requests that end before it. The timeout limits the duration of a failed
 * test.
 */
const signal = () => AbortSignal.timeout(20_000);

const PUBLIC = '93.184.215.14';
const hello = () => startServer((_request, response) => response.end('hello'));

/** Returns a resolver that knows these names and records the requested ones. */
function createResolver(known: Record<string, string[]>) {
  const requestedHosts: string[] = [];
  const resolve = async (host: string) => {
    requestedHosts.push(host);
    const addresses = known[host];
    if (!addresses) throw Object.assign(new Error(host), { code: 'ENOTFOUND' });
    return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  };
  return Object.assign(resolve, { requestedHosts });
}

/** Creates an egress client whose connections all reach `server`. */
function createGuard(server: TestServer, options: Partial<EgressOptions> = {}) {
  const dial = dialTo(() => server.port);
  return { dial, egress: createEgress({ allowPrivate: [], dial, ...options }) };
}

function errorOf(outcome: Outcome<unknown>) {
  if (outcome.ok) throw new Error('the request was answered');
  return outcome.error;
}

function answerOf(outcome: Outcome<EgressAnswer<Buffer>>) {
  if (!outcome.ok) throw new Error(outcome.error.message);
  return { ...outcome.value, body: outcome.value.body.toString() };
}

const NOT_PUBLIC =
  'url: its host is not a public address, so it may not be reached; an operator can add host:port to HOWDAH_EGRESS_ALLOW';

describe('a literal non-public address is rejected in any spelling, with the same message', () => {
  test.each([
    'http://169.254.169.254/latest/meta-data/',
    'http://[::ffff:169.254.169.254]/',
    'http://[::ffff:a9fe:a9fe]/',
    'http://2852039166/',
    'http://0251.0376.0251.0376/',
    'http://0xA9.0xFE.0xA9.0xFE/',
    'http://0xa9fea9fe/',
    'http://127.0.0.1:5432/',
    'https://127.1/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://0177.0.0.1/',
    'http://127。0。0。1/',
    'http://①②⑦.0.0.1/',
    'http:127.0.0.1/',
    'http://127.0.0.1#@ok.com',
    'http://127.1.1.1:80\\@127.2.2.2:80/',
    'http://%31%32%37.0.0.1/',
    'http://0/',
    'http://0.0.0.0/',
    'http://[::]/',
    'http://[::1]/',
    'http://[::127.0.0.1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:0:127.0.0.1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://[64:ff9b::169.254.169.254]/',
    'http://[64:ff9b:1::808:808]/',
    'http://[2002:7f00:1::]/',
    'http://[2002:a9fe:a9fe::1]/',
    'http://[2001:0:7f00:1::f7f7:f7f7]/',
    'http://[2001:0:808:808::80ff:fffe]/',
    'http://[fd00::1]/',
    'http://[fd00:ec2::254]/',
    'http://[fe80::1]/',
    'http://[fec0::1]/',
    'http://[ff02::1]/',
    'http://[2001:db8::1]/',
    'http://[100::1]/',
    'http://10.0.0.1/',
    'http://172.16.0.1/',
    'http://192.168.1.1/',
    'http://100.64.0.1/',
    'http://100.100.100.200/',
    'http://192.0.0.192/',
    'http://198.18.0.1/',
    'http://203.0.113.1/',
    'http://224.0.0.1/',
    'http://240.0.0.1/',
    'http://255.255.255.255/',
    'http://168.63.129.16/',
  ])('%s', async (url) => {
    const { dial, egress } = createGuard(await hello(), { resolve: createResolver({}) });
    const error = errorOf(await egress.send({ url, signal: signal() }));
    expect(error).toEqual({
      code: 'invalid_request',
      message: NOT_PUBLIC,
      retryable: false,
      cause: { host: new URL(url).hostname.replace(/[[\]]/g, '') },
    });
    expect(dial.calls).toEqual([]);
  });
});

describe('an address', () => {
  test.each([
    '8.8.8.8',
    '2606:4700:4700::1111',
    '::ffff:8.8.8.8',
    '64:ff9b::808:808',
    '2002:808:808::1',
    '2001:0:808:808::f7f7:f7f7',
  ])('%s is public', (address) => expect(isPublicAddress(address)).toBe(true));

  test.each(['fe80::1%eth0', '2606:4700::1%eth0', '', 'example.com'])(
    '%j is not public',
    (address) => expect(isPublicAddress(address)).toBe(false),
  );

  test('of this machine is not public, in any notation', () => {
    expect(isPublicAddress('::ffff:8.8.8.8', ['8.8.8.8'])).toBe(false);
    expect(isPublicAddress('2606:4700:0::1111', ['2606:4700::1111'])).toBe(false);
    expect(isPublicAddress('8.8.4.4', ['8.8.8.8'])).toBe(true);
    const own = Object.values(networkInterfaces()).flatMap((all = []) => all);
    expect(own.filter(({ address }) => isPublicAddress(address))).toEqual([]);
  });
});

describe('a host name', () => {
  test.each([
    ['that resolves to loopback', 'http://127.0.0.1.nip.io/', ['127.0.0.1']],
    ['with one private address among public ones', 'http://mixed.example/', [PUBLIC, '10.0.0.7']],
    ['with a private IPv6 address', 'http://mixed.example/', [PUBLIC, 'fd00::7']],
    ['with a private address behind NAT64', 'http://mixed.example/', ['64:ff9b::a00:7']],
    ['with a zone index', 'http://mixed.example/', ['fe80::1%lo']],
  ])('%s is rejected', async (_, url, addresses) => {
    const { hostname } = new URL(url);
    const { dial, egress } = createGuard(await hello(), {
      resolve: createResolver({ [hostname]: addresses }),
    });
    const error = errorOf(await egress.send({ url, signal: signal() }));
    expect(error).toMatchObject({ code: 'invalid_request', message: NOT_PUBLIC, retryable: false });
    expect(error.cause).toEqual({ host: hostname });
    expect(dial.calls).toEqual([]);
  });

  test.each([
    'http://localhost/',
    'http://localhost./',
    'http://LOCALHOST:5432/',
    'http://api.localhost/',
    'http://metadata.google.internal/computeMetadata/v1/',
    'http://metadata.google.internal./',
    'http://printer.local/',
    'http://router.home.arpa/',
    'http://db/',
    'http://./',
  ])('%s is rejected without a DNS lookup', async (url) => {
    const resolve = createResolver({});
    const { dial, egress } = createGuard(await hello(), { resolve });
    const { code, message } = errorOf(await egress.send({ url, signal: signal() }));
    expect({ code, message }).toEqual({ code: 'invalid_request', message: NOT_PUBLIC });
    expect([resolve.requestedHosts, dial.calls]).toEqual([[], []]);
  });

  test('is resolved once, and the connection goes to the checked address', async () => {
    const answers = [[PUBLIC, '2606:4700::1111'], ['127.0.0.1']];
    const resolve = async () =>
      (answers.shift() ?? []).map((address) => ({
        address,
        family: address.includes(':') ? 6 : 4,
      }));
    const { dial, egress } = createGuard(await hello(), { resolve });
    const url = 'http://rebind.example/';
    expect(answerOf(await egress.send({ url, signal: signal() })).body).toBe('hello');
    expect(dial.calls).toEqual([
      { host: 'rebind.example', port: 80, addresses: [PUBLIC, '2606:4700::1111'] },
    ]);
    expect(answers).toEqual([['127.0.0.1']]);
    expect(errorOf(await egress.send({ url, signal: signal() })).message).toBe(NOT_PUBLIC);
  });

  test('that does not resolve is unreachable and retryable', async () => {
    const { egress } = createGuard(await hello(), {
      resolve: createResolver({ 'empty.example': [] }),
    });
    for (const host of ['missing.example', 'empty.example']) {
      const error = errorOf(await egress.send({ url: `https://${host}/`, signal: signal() }));
      expect(error).toMatchObject({ code: 'unreachable', retryable: true, cause: { host } });
    }
  });
});

describe('a URL', () => {
  test.each([
    ['file:///etc/passwd', 'only https and http'],
    ['data:text/plain,hello', 'only https and http'],
    ['gopher://127.0.0.1:25/_', 'only https and http'],
    ['dict://127.0.0.1:6379/', 'only https and http'],
    ['unix:/var/run/docker.sock', 'only https and http'],
    ['http+unix://%2Fvar%2Frun%2Fdocker.sock/', 'only https and http'],
    ['//evil@127.0.0.1', 'not a complete URL'],
    ['http://[fe80::1%25eth0]/', 'not a complete URL'],
    ['http://unix:/var/run/docker.sock', 'not a public address'],
    ['http://o177.0.0.1/', 'not a complete URL'],
    ['', 'not a complete URL'],
    ['http://evil@127.0.0.1/', 'user name'],
    ['https://:s3cret@example.com/', 'user name'],
  ])('%s is rejected', async (url, reason) => {
    const { dial, egress } = createGuard(await hello(), {
      resolve: createResolver({ 'example.com': [PUBLIC] }),
    });
    const error = errorOf(await egress.send({ url, signal: signal() }));
    expect(error).toMatchObject({ code: 'invalid_request', retryable: false });
    expect(error.message).toContain(reason);
    expect(JSON.stringify(error)).not.toContain('s3cret');
    expect(dial.calls).toEqual([]);
  });
});

describe('a private host that an operator opened', () => {
  test('is reachable by address in any spelling, and by name, but not on another port', async () => {
    const server = await hello();
    const { port } = server;
    const allowPrivate = [`127.0.0.1:${port}`, `db.internal:${port}`];
    // Nothing listens at the first address, so the next one is tried.
    const resolve = createResolver({ 'db.internal': ['::1', '127.0.0.1'] });
    const egress = createEgress({ allowPrivate, resolve });
    for (const host of ['127.0.0.1', '2130706433', 'DB.internal', 'db.internal.']) {
      const url = `http://${host}:${port}/`;
      expect(answerOf(await egress.send({ url, signal: signal() })).body).toBe('hello');
    }
    for (const url of [`http://127.0.0.1:${port + 1}/`, `http://127.0.0.2:${port}/`]) {
      expect(errorOf(await egress.send({ url, signal: signal() })).message).toBe(NOT_PUBLIC);
    }
  });

  test('without a port is reachable on all ports', async () => {
    const server = await hello();
    const egress = createEgress({ allowPrivate: ['127.0.0.1'] });
    expect(answerOf(await egress.send({ url: server.url, signal: signal() })).status).toBe(200);
  });

  test.each([
    '',
    ' a',
    'a b',
    'http://a',
    'a/b',
    'a:0',
    'a:65536',
    'a@b',
    'fd00::1',
    'a:b',
    '*',
    '[x]',
  ])('%j is not a host and port', (text) => expect(parseHostPattern(text)).toBeNull());
});

test('the allow list of a caller narrows access and opens nothing', async () => {
  const { dial, egress } = createGuard(await hello(), {
    resolve: createResolver({ 'a.example.com': [PUBLIC], 'example.com': [PUBLIC] }),
  });
  const only = ['*.example.com:443', 'example.com:80', '127.0.0.1'].flatMap(
    (text) => parseHostPattern(text) ?? [],
  );
  const ask = (url: string) => egress.send({ url, only, signal: signal() });
  expect(answerOf(await ask('http://example.com/')).status).toBe(200);
  for (const url of ['https://example.com/', 'http://a.example.com/', 'https://notexample.com/']) {
    expect(errorOf(await ask(url))).toMatchObject({ code: 'invalid_request', retryable: false });
  }
  expect(errorOf(await ask('http://127.0.0.1/')).message).toBe(NOT_PUBLIC);
  expect(dial.calls).toHaveLength(1);
});

describe('TLS', () => {
  const certificate = selfSigned('api.example.com');

  test('checks the certificate against the name of the URL, not the address', async () => {
    const server = await startServer((_request, response) => response.end('safe'), certificate);
    const dial = dialTo(() => server.port, certificate.cert);
    const resolve = createResolver({ 'api.example.com': [PUBLIC], 'other.example.com': [PUBLIC] });
    const egress = createEgress({ allowPrivate: [], resolve, dial });
    const ask = (url: string) => egress.send({ url, signal: signal() });
    expect(answerOf(await ask('https://api.example.com./')).body).toBe('safe');
    expect(dial.calls).toEqual([
      { host: 'api.example.com', port: 443, addresses: [PUBLIC], servername: 'api.example.com' },
    ]);
    expect(errorOf(await ask('https://other.example.com/'))).toMatchObject({
      code: 'tool_failed',
      retryable: false,
      cause: { host: 'other.example.com', reason: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    });
    expect(server.seen).toHaveLength(1);
  });

  test('rejects an untrusted certificate', async () => {
    const server = await startServer((_request, response) => response.end(), certificate);
    const egress = createEgress({ allowPrivate: [server.host] });
    const error = errorOf(await egress.send({ url: server.url, signal: signal() }));
    expect(error).toMatchObject({ code: 'tool_failed', retryable: false });
    expect(error.message).toContain('certificate');
  });
});

/** Attack URLs from tests of similar guards, and a few harmless public hosts. */
const vectors = join(process.env.HOWDAH_TEST_ASSETS ?? '', 'hostile-ssrf', 'urls.jsonl');
const hasVectors = process.env.HOWDAH_TEST_ASSETS !== undefined && existsSync(vectors);
if (!hasVectors)
  console.log('collected SSRF URLs: skipped, HOWDAH_TEST_ASSETS has no hostile-ssrf');

test.skipIf(!hasVectors)(
  'only public hosts of the collected SSRF URLs are connected to',
  async () => {
    const resolve = createResolver({
      '169.254.169.254.nip.io': ['169.254.169.254'],
      'example.com': [PUBLIC],
      'nicob.net': [PUBLIC],
      'www.googleapis.com': [PUBLIC],
    });
    const { dial, egress } = createGuard(await hello(), { resolve });
    const urls = readFileSync(vectors, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).url);
    expect(urls.length).toBeGreaterThan(50);
    for (const url of urls) {
      // Plain http, so that the loopback server behind every connection can answer.
      const outcome = await egress.send({ url: url.replace(/^https:/, 'http:'), signal: signal() });
      if (!outcome.ok)
        expect({ url, code: outcome.error.code }).toEqual({ url, code: 'invalid_request' });
    }
    expect(new Set(dial.calls.map(({ host }) => host))).toEqual(
      new Set(['example.com', 'nicob.net', 'www.googleapis.com']),
    );
  },
);
