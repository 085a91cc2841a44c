import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { inBrackets, isLoopback } from '../../network/addresses.ts';

/** Returns why a request does not come from this machine, or undefined if it does. */
export type LoopbackGuard = (request: GuardedRequest) => string | undefined;

type GuardedRequest = Pick<IncomingMessage, 'headers' | 'httpVersion'> & {
  socket?: Partial<MountedClient>;
  /** The address as the client sent it. Clients of proxies send a whole URL. */
  url?: string | undefined;
  /** Names and values in turn, to find a header that was sent twice. */
  rawHeaders?: readonly string[] | undefined;
};

/**
 * The sender of a request to the server in which this one is mounted. A field is undefined where it
 * is not known, as the address is in a Fetch handler.
 */
export type MountedClient = {
  remoteAddress: string | undefined;
  /** The version of HTTP in which the client sent the request. */
  clientHttpVersion?: string | undefined;
  /** The path of the mount, without a slash at the end. */
  mountPrefix?: string | undefined;
};

const ONLY_LOCAL =
  'This server requires no login, so it only answers requests from the same machine';
const FIX = 'To serve others, also through a proxy, require a login: HOWDAH_AUTH=required.';

/**
 * Creates the guard of a server without a login, where everyone who reaches the port may do
 * everything. Others reach it in three ways:
 *
 * - A foreign page in a browser of this machine, by its own script (a foreign Origin), or by a host
 *   name that resolves to this machine (a foreign Host). So both headers must name this machine, or
 *   the address that the server listens on.
 * - A server of others, in which this one is mounted: its clients can write any header. So the
 *   address of the client must be of this machine as well, where it is known.
 * - A proxy on this machine. Its address is local, and some proxies replace Host by the address of
 *   this server. So a request with a header of proxies is rejected, and one in HTTP/1.0, which
 *   nginx before 1.29.7 speaks by default. A proxy that sends neither is not noticed.
 */
export function createLoopbackGuard(host: string): LoopbackGuard {
  const names = localNames(host);
  return ({ headers, httpVersion, socket, url, rawHeaders }) => {
    const isLocal =
      isLoopback((socket?.remoteAddress ?? 'localhost').replace(/^::ffff:/, '')) &&
      names.has(readHost(hostLine({ headers, rawHeaders }))?.name ?? '') &&
      isTargetOf(headers.host, url) &&
      (headers.origin === undefined || names.has(readOrigin(headers.origin)?.name ?? ''));
    if (!isLocal) return `${ONLY_LOCAL}: Host and Origin must be local. ${FIX}`;
    const forwarding = findForwardingHeader(headers);
    if (forwarding !== undefined) {
      return `${ONLY_LOCAL}, and a proxy passed this one on: it has the header ${forwarding}. ${FIX}`;
    }
    const version = socket?.clientHttpVersion ?? httpVersion;
    if (Number(version) < 1.1) {
      return `${ONLY_LOCAL}, and this one is in HTTP/${version}, as proxies send it. ${FIX}`;
    }
    return undefined;
  };
}

/**
 * Words in the names of headers by which proxies, tunnels and content delivery networks pass on who
 * sent a request: `Forwarded`, `X-Forwarded-For`, `Via`, `X-Real-IP`, `X-Original-Host`,
 * `Proxy-Client-IP`, `CDN-Loop`. Clients have no reason to send such headers, so every name with
 * one of these words counts, and not only the names that are known.
 */
const WORDS = new Set([
  ...['forwarded', 'forward', 'forwards', 'via', 'proxy', 'proxied', 'proxyuser', 'cdn', 'remote'],
  ...['ip', 'ipaddress', 'clientip', 'realip', 'addr', 'address', 'original', 'originating'],
  ...['scheme', 'https', 'ssl', 'tls', 'cert', 'rewrite', 'surrogate', 'tunnel', 'accel'],
  // the user whom a proxy has logged in
  ...['webauth', 'authenticated', 'principal', 'oidc', 'userinfo'],
]);

/** Parts of such names, in names without separators, and names of several words. */
const PARTS =
  /forwarded|realip|clientip|^early-data$|^x-auth-(request|user)|^x-(request|queue)-start$/;

/** First words of the headers of one proxy, network or tunnel, such as `CF-Ray`. */
const MAKERS = new Set([
  ...['akamai', 'amz', 'amzn', 'appengine', 'arr', 'authelia', 'authentik', 'azure', 'cf'],
  ...['cloud', 'cloudfront', 'envoy', 'fastly', 'fly', 'haproxy', 'nf', 'nginx', 'ngrok'],
  ...['pomerium', 'tailscale', 'traefik', 'varnish', 'vercel'],
]);

/**
 * Returns the name of a header that shows that a proxy passed the request on. A proxy may send
 * none.
 */
function findForwardingHeader(headers: Readonly<IncomingHttpHeaders>): string | undefined {
  return Object.keys(headers).find((name) => {
    const words = name.toLowerCase().split(/[-_]/);
    const maker = words[0] === 'x' ? words[1] : words[0];
    return (
      PARTS.test(name.toLowerCase().replaceAll('_', '-')) ||
      MAKERS.has(maker ?? '') ||
      words.some((word) => WORDS.has(word))
    );
  });
}

/** Returns the names of this machine for itself, and the address that the server listens on. */
export function localNames(host: string): ReadonlySet<string> {
  return new Set(['localhost', '127.0.0.1', '[::1]', inBrackets(host)]);
}

/** A host and its port, as `Host` and `Origin` name them. */
type HostAndPort = { name: string; port: number };

/** The grammar of `Host`. A parser of URLs takes more than a host, such as a user name. */
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/;
const ORIGIN = /^(https?):\/\/(.*)$/;

/** Reads a host and its port. Returns undefined for a text with anything else. */
function readHost(text: string | undefined, usualPort = 80): HostAndPort | undefined {
  const [, name, port] = HOST.exec(text?.toLowerCase() ?? '') ?? [];
  return name === undefined ? undefined : { name, port: port ? Number(port) : usualPort };
}

function readOrigin(origin: string): HostAndPort | undefined {
  const [, scheme = '', rest] = ORIGIN.exec(origin.toLowerCase()) ?? [];
  return readHost(rest, USUAL_PORTS[scheme]);
}

const USUAL_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };

/** Returns the `Host` of a request. Lines after the first, which Node ignores, are not ignored. */
export function hostLine({
  headers,
  rawHeaders = [],
}: Pick<GuardedRequest, 'headers' | 'rawHeaders'>): string | undefined {
  const lines = rawHeaders.filter(
    (_value, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === 'host',
  );
  return lines.length > 1 ? lines.join(', ') : headers.host;
}

/** Returns whether the address of a request is a path, or a URL of the same host. */
function isTargetOf(host: string | undefined, url = '/'): boolean {
  if (url.startsWith('/') || url === '*') return true;
  const [, authority] = /^https?:\/\/([^/?#]*)/i.exec(url) ?? [];
  return authority?.toLowerCase() === host?.toLowerCase();
}

/**
 * Returns whether the page that opens a socket is of this server: it has the same port. Browsers
 * let pages of every local port open sockets and read from them, while other answers are hidden
 * from them.
 */
export function isOfSamePort({ origin, host }: Readonly<IncomingHttpHeaders>): boolean {
  if (origin === undefined) return true;
  const [scheme = ''] = origin.split(':', 1);
  const page = readOrigin(origin);
  return page !== undefined && page.port === readHost(host, USUAL_PORTS[scheme])?.port;
}
