import { randomBytes } from 'node:crypto';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import helmet, { type HelmetOptions } from 'helmet';

/** What a browser may do with an answer that is no page: nothing. */
const NOTHING = {
  defaultSrc: ["'none'"],
  frameAncestors: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
};

/** GraphiQL runs its own files and the scripts in its page; its editor makes style sheets as it goes. */
const GRAPHIQL = {
  ...NOTHING,
  scriptSrc: ["'self'", "'nonce-{nonce}'"],
  styleSrc: ["'self'", "'unsafe-inline'"],
  imgSrc: ["'self'", 'data:'],
  fontSrc: ["'self'", 'data:'],
  connectSrc: ["'self'"],
  workerSrc: ["'self'", 'blob:'],
};

const ofAnswers = Object.freeze({ ...headersOf(NOTHING), 'cache-control': 'no-store' });
const ofGraphiql = headersOf(GRAPHIQL);
/** What the scripts of a page must carry to be run, by request. */
const nonces = new WeakMap<IncomingMessage, string>();

/** The headers every answer has, whoever writes it; what may be kept (schemas, files by their tag) says so itself. */
export function securityHeaders(): Readonly<Record<string, string>> {
  return ofAnswers;
}

/** Sets them; GraphiQL and its files (its workers have a policy of their own) get those of a page. */
export function setSecurityHeaders(
  request: IncomingMessage,
  response: ServerResponse,
  isPage: boolean,
): void {
  const nonce = isPage ? randomBytes(16).toString('base64') : '';
  if (isPage) nonces.set(request, nonce);
  for (const [name, value] of Object.entries(isPage ? ofGraphiql : ofAnswers)) {
    response.setHeader(name, value.replace('{nonce}', nonce));
  }
}

/** The nonce of a page that `secure` has seen. */
export function nonceOf(request: IncomingMessage): string | undefined {
  return nonces.get(request);
}

/**
 * Helmet decides; it is asked once, since a server that answers here, in Fastify, in grafserv and on bare sockets has no
 * place for a middleware. Strict-Transport-Security is left to whoever ends TLS before us: it binds a whole host name.
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
