import type { IncomingHttpHeaders } from 'node:http';

/**
 * Words in the names of headers by which proxies, tunnels and content delivery networks pass on who
 * sent a request: `Forwarded`, `X-Forwarded-For`, `Via`, `X-Real-IP`, `X-Original-Host`,
 * `Proxy-Client-IP`, `CDN-Loop`. Clients have no reason to send such headers, so every name with
 * one of these words counts, and not only the names that are known.
 */
const WORDS = new Set([
  ...['forwarded', 'forward', 'forwards', 'via', 'proxy', 'proxied', 'proxyuser', 'cdn', 'remote'],
  ...['ip', 'ipaddress', 'clientip', 'realip', 'addr', 'address', 'original', 'originating'],
  ...['scheme', 'https', 'ssl', 'tls'],
]);

/** First words of the headers of one proxy, network or tunnel, such as `CF-Ray`. */
const MAKERS = new Set([
  ...['akamai', 'appengine', 'arr', 'azure', 'cf', 'cloudfront', 'envoy', 'fastly', 'fly'],
  ...['haproxy', 'nf', 'nginx', 'ngrok', 'tailscale', 'traefik', 'varnish', 'vercel'],
]);

/**
 * Returns the name of a header that shows that a proxy passed the request on. A proxy may send
 * none.
 */
export function findForwardingHeader(headers: Readonly<IncomingHttpHeaders>): string | undefined {
  return Object.keys(headers).find((name) => {
    const words = name.toLowerCase().split(/[-_]/);
    const maker = words[0] === 'x' ? words[1] : words[0];
    return MAKERS.has(maker ?? '') || words.some((word) => WORDS.has(word));
  });
}
