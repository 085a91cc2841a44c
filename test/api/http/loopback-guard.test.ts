import { describe, expect, test } from 'vitest';
import { createLoopbackGuard } from '../../../src/api/http/loopback-guard.ts';

// The guard of a server without a login. test/api/every-endpoint/proxied-requests.test.ts shows
// that it protects every endpoint.

const guard = createLoopbackGuard('127.0.0.1');
const isAccepted = (headers: Record<string, string>, httpVersion = '1.1') =>
  guard({ headers: { host: '127.0.0.1:8000', ...headers }, httpVersion }) === undefined;

describe('a request is rejected', () => {
  test.each([
    'forwarded',
    'via',
    'x-forwarded-for',
    'x-forwarded-host',
    'x-forwarded-proto',
    'x-forwarded-port',
    'x-forwarded-server',
    'x-forwarded-prefix',
    'x-forwarded',
    'x-forward-for',
    'x_forwarded_for',
    'forwarded-for',
    'x-original-forwarded-for',
    'x-original-host',
    'x-original-url',
    'x-originating-ip',
    'x-real-ip',
    'x-client-ip',
    'client-ip',
    'x-cluster-client-ip',
    'true-client-ip',
    'cf-connecting-ip',
    'cf-ray',
    'cf-visitor',
    'cdn-loop',
    'fastly-client-ip',
    'fastly-ff',
    'fly-client-ip',
    'fly-region',
    'do-connecting-ip',
    'x-appengine-user-ip',
    'x-azure-clientip',
    'x-azure-fdid',
    'x-envoy-external-address',
    'x-nf-client-connection-ip',
    'x-vercel-id',
    'x-arr-log-id',
    'x-akamai-edgescape',
    'ali-cdn-real-ip',
    'wl-proxy-client-ip',
    'proxy-client-ip',
    'proxy-connection',
    'proxy-authorization',
    'x-proxyuser-ip',
    'x-remote-addr',
    'x-remote-user',
    'x-host-ip',
    'x-scheme',
    'x-url-scheme',
    'front-end-https',
    'x-ssl-client-verify',
    'x-varnish',
    'ngrok-skip-browser-warning',
    'tailscale-user-login',
    'x-rewrite-url',
    'x-auth-request-user',
    'x-webauth-user',
    'x-goog-authenticated-user-email',
    'x-ms-client-principal-name',
    'x-amzn-trace-id',
    'x-amz-cf-id',
    'early-data',
    'surrogate-capability',
    'xforwardedfor',
    'x_realip',
    'client-cert',
    'x-cloud-trace-context',
    'x-authentik-username',
    'oidc-claim-sub',
    'x-request-start',
    'x-accel-mapping',
  ])('with the header %s', (name) => {
    expect(isAccepted({ [name]: '' })).toBe(false);
    expect(guard({ headers: { host: 'localhost', [name]: 'x' }, httpVersion: '1.1' })).toContain(
      name,
    );
  });

  test.each([
    '127.0.0.1/.evil.example',
    '127.0.0.1#.evil.example',
    '127.0.0.1?.evil.example',
    '127.0.0.1\\.evil.example',
    'evil@127.0.0.1',
    '127.0.0.1:8000, evil.example',
    '127.0.0.1:',
    '127.0.0.1:x',
    '0x7f.0.0.1',
    ' ',
    '',
  ])('with the Host %j', (host) => {
    expect(isAccepted({ host })).toBe(false);
  });

  test.each([
    'null',
    'http://evil@127.0.0.1:8000',
    'http://127.0.0.1:8000/x',
    'file://127.0.0.1',
    'http://127.0.0.1.evil.example',
  ])('with the Origin %s', (origin) => {
    expect(isAccepted({ origin })).toBe(false);
  });

  test.each(['localhost', 'LOCALHOST:1', '127.0.0.1:65535', '[::1]', '[::1]:8000'])(
    'but not with the Host %s',
    (host) => {
      expect(isAccepted({ host, origin: `http://${host}` })).toBe(true);
    },
  );

  test('in HTTP/1.0, as nginx sends it by default', () => {
    for (const version of ['0.9', '1.0']) expect(isAccepted({}, version)).toBe(false);
    expect(isAccepted({}, '2.0')).toBe(true); // of a program in which the API is mounted
    const mounted = { clientHttpVersion: '1.0', remoteAddress: '127.0.0.1' };
    const request = { headers: { host: 'localhost' }, httpVersion: '1.1', socket: mounted };
    expect(guard(request)).toBeDefined();
  });
});

test.each<[string, Record<string, string>]>([
  ['curl', { 'user-agent': 'curl/8.5.0', accept: '*/*' }],
  [
    'a browser',
    {
      origin: 'http://127.0.0.1:8000',
      referer: 'http://127.0.0.1:8000/graphiql',
      connection: 'keep-alive',
      'accept-language': 'de',
      'upgrade-insecure-requests': '1',
      'sec-fetch-site': 'same-origin',
      'sec-ch-ua-platform': '"Linux"',
      'sec-gpc': '1',
      dnt: '1',
      priority: 'u=0',
    },
  ],
  [
    'an OpenAI client',
    { 'x-stainless-lang': 'python', 'x-stainless-retry-count': '0', 'openai-organization': 'o' },
  ],
  [
    'an MCP client',
    { 'mcp-protocol-version': '2025-11-25', 'mcp-session-id': 's', 'last-event-id': '4' },
  ],
  [
    'a WebSocket client',
    {
      upgrade: 'websocket',
      connection: 'Upgrade',
      'sec-websocket-key': 'k',
      'sec-websocket-version': '13',
      'sec-websocket-protocol': 'graphql-transport-ws',
    },
  ],
  [
    'a program with its own headers',
    {
      authorization: 'Bearer x',
      cookie: 'a=b',
      'idempotency-key': 'i',
      'if-match': '"e"',
      prefer: 'wait=5',
      traceparent: '00-1',
      tracestate: 'a=b',
      baggage: 'a=b',
      'x-request-id': 'r',
      'x-howdah-lsn': '0/1',
      'x-requested-with': 'fetch',
      'x-client-name': 'app',
      'x-api-key': 'k',
    },
  ],
])('%s of this machine is accepted', (_who, headers) => {
  expect(isAccepted(headers)).toBe(true);
  expect(isAccepted({ ...headers, host: 'localhost' })).toBe(true);
});
