import { randomBytes } from 'node:crypto';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import helmet, { type HelmetOptions } from 'helmet';

/** The policy of an answer that is not a page: a browser may do nothing with it. */
const NOTHING = {
  defaultSrc: ["'none'"],
  frameAncestors: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
};

/**
 * The policy of GraphiQL, which runs its own files. Its dialogs create style sheets at run time,
 * with the nonce of the page.
 */
const GRAPHIQL = {
  ...NOTHING,
  scriptSrc: ["'self'", "'nonce-{nonce}'"],
  styleSrc: ["'self'", "'nonce-{nonce}'"],
  imgSrc: ["'self'", 'data:'],
  fontSrc: ["'self'", 'data:'],
  connectSrc: ["'self'"],
};

const ofAnswers = Object.freeze({ ...headersOf(NOTHING), 'cache-control': 'no-store' });
const ofGraphiql = headersOf(GRAPHIQL);
/** The nonces that the scripts of a page need to run, by request. */
const nonces = new WeakMap<IncomingMessage, string>();

/**
 * Returns the headers of every answer. An answer that may be cached (a schema, a file with an ETag)
 * sets its own cache-control.
 */
export function securityHeaders(): Readonly<Record<string, string>> {
  return ofAnswers;
}

/**
 * Sets the security headers. GraphiQL and its files get the headers of a page.
 */
export function setSecurityHeaders(
  request: IncomingMessage,
  response: ServerResponse,
  isPage: boolean,
): void {
  const nonce = isPage ? randomBytes(16).toString('base64') : '';
  if (isPage) nonces.set(request, nonce);
  for (const [name, value] of Object.entries(isPage ? ofGraphiql : ofAnswers)) {
    response.setHeader(name, value.replaceAll('{nonce}', nonce));
  }
}

/** Returns the nonce of a page for which `setSecurityHeaders` was called. */
export function nonceOf(request: IncomingMessage): string | undefined {
  return nonces.get(request);
}

/**
 * Returns the headers that Helmet sets for a policy. Helmet is called once, since a server that
 * answers here, in Fastify, in grafserv and on bare sockets has no place for a middleware.
 * Strict-Transport-Security is left to the proxy that terminates TLS, because it binds a whole host
 * name.
 */
function headersOf(directives: typeof NOTHING): Readonly<Record<string, string>> {
  const options: HelmetOptions = {
    contentSecurityPolicy: { useDefaults: false, directives },
    strictTransportSecurity: false,
    xFrameOptions: { action: 'deny' },
  };
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  helmet(options)(request, response, (error?: unknown) => {
    if (error) throw error;
  });
  const headers = Object.entries(response.getHeaders());
  return Object.freeze(Object.fromEntries(headers.map(([name, value]) => [name, String(value)])));
}
