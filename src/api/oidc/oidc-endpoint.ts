import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { z } from 'zod';
import { FairQueue } from '../../concurrency/fair-queue.ts';
import type { Config } from '../../config.ts';
import { HowdahError } from '../../contracts/errors.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { checkShape } from '../../operations/check-shape.ts';
import { sentenceOf, zodMessage } from '../../operations/zod-messages.ts';
import { RequestRefusal } from '../../resources/request-refusal.ts';
import { equalInConstantTime } from '../../text/equal-in-constant-time.ts';
import { trimEnd } from '../../text/trim-end.ts';
import { answerFailure, type ErrorLog, errorAnswerOf } from '../errors/answer-error.ts';
import { readJson } from '../http/json-body.ts';
import { BUSY, tenantShares } from '../http/request-queue.ts';
import { readClaims } from './claimed-account.ts';
import { createLoginCookies, type LoginCookies } from './login-cookie.ts';
import { issueLoginToken, type LoginTokenOptions } from './login-token.ts';
import { createOpenIdProvider, type OpenIdProvider } from './provider.ts';
import { explainFailure, factsOfFailure } from './provider-failures.ts';

// The login of the console at an OpenID provider: the authorization code flow with PKCE.
//
//   GET  /login/oidc          names the provider, if there is one
//   POST /login/oidc/start    gives the browser a cookie and the address of the provider
//   GET  /login/callback      the page of the console to which the provider sends the browser
//   POST /login/oidc/finish   takes the answer of the provider from that page, and returns a token
//
// The token is in the body of one answer to a script of the console, so no URL, page or cookie
// contains it. The answer counts only with the cookie of the same browser and the same login. The
// provider accepts its code once.

export type OidcEndpointOptions = Partial<Pick<Config, 'oidc' | 'jwtSecret' | 'publicUrl'>> & {
  log: Logger;
  pool: Pool;
  requests: Pool;
  onError: ErrorLog;
};

/** Most bytes of a request: the answer of a provider is part of a URL. */
const MAX_BYTES = 20_000;
/** Maximum number of logins at once, shared among addresses. */
const MAX_CONCURRENT = 16;
/** The logins that may wait, and the longest wait. Others are refused. */
const MAX_WAITING = 64;
const MAX_WAIT_MS = 10_000;

const start = z.strictObject({
  // a path of this server, and of no other: `//host` and `/\host` are hosts to a browser
  return_to: z
    .string()
    .max(1_000)
    .regex(/^\/(?![/\\])[^\\\p{Cc}]*$/u, 'must be a path of the console, such as /runs')
    .default('/'),
});
const finish = z.strictObject({ answer: z.string().max(16_000) });

/** Registers the endpoints. Without a provider, they say so. */
export function oidcRoutes(app: FastifyInstance, options: OidcEndpointOptions): void {
  const logins = openLogins(options);
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null)); // read by the route
    scope.setErrorHandler((error, _request, reply) =>
      answerFailure(reply, errorAnswerOf(error, options.onError)),
    );
    scope.get('/login/oidc', { exposeHeadRoute: false }, async () => ({
      issuer: logins?.provider.host ?? null,
      url: logins?.publicUrl ?? null,
    }));
    scope.post('/login/oidc/start', (request, reply) => required(logins).start(request, reply));
    scope.post('/login/oidc/finish', (request, reply) => required(logins).finish(request, reply));
  });
}

function openLogins(options: OidcEndpointOptions): OidcLogins | undefined {
  const { oidc, jwtSecret, publicUrl } = options;
  if (oidc === undefined || jwtSecret === undefined || publicUrl === undefined) return undefined;
  return new OidcLogins({ ...options, oidc, jwtSecret, publicUrl });
}

function required(logins: OidcLogins | undefined): OidcLogins {
  if (logins) return logins;
  throw new HowdahError('HWNTF', 'this server has no OpenID provider', {
    hint: 'Log in with an API key or a token, or set HOWDAH_OIDC_ISSUER on the server: see docs/keys.md.',
  });
}

type LoginsOptions = OidcEndpointOptions &
  Pick<LoginTokenOptions, 'jwtSecret'> & {
    oidc: NonNullable<Config['oidc']>;
    publicUrl: string;
  };

class OidcLogins {
  readonly publicUrl: string;
  readonly provider: OpenIdProvider;
  readonly #options: LoginsOptions;
  readonly #cookies: LoginCookies;
  readonly #queue = new FairQueue({
    ...tenantShares(MAX_CONCURRENT),
    waiting: { most: MAX_WAITING, ms: MAX_WAIT_MS, refusal: createBusyError },
  });

  constructor(options: LoginsOptions) {
    const { oidc, jwtSecret } = options;
    const publicUrl = trimEnd(new URL(options.publicUrl).href, '/'); // as browsers write it
    this.#options = options;
    this.publicUrl = publicUrl;
    this.provider = createOpenIdProvider(oidc, `${publicUrl}/login/callback`);
    this.#cookies = createLoginCookies(jwtSecret, publicUrl);
  }

  async start(request: FastifyRequest, reply: FastifyReply) {
    requireOwnPage(request);
    const { return_to: returnTo } = await readBody(request, start);
    const { url, login } = await this.#atProvider(request, () => this.provider.begin());
    reply.header('set-cookie', await this.#cookies.seal({ ...login, returnTo }));
    return reply.send({ url });
  }

  async finish(request: FastifyRequest, reply: FastifyReply) {
    requireOwnPage(request);
    const answer = new URLSearchParams((await readBody(request, finish)).answer);
    const login = await this.#cookies.open(request.headers.cookie);
    if (!login || !equalInConstantTime(login.state, answer.get('state') ?? '')) throw otherLogin();
    reply.header('set-cookie', this.#cookies.removal); // a login ends once
    const { provider } = this;
    const claims = await this.#atProvider(request, () => provider.finish(answer, login));
    const { oidc, jwtSecret, pool, requests } = this.#options;
    const account = readClaims(claims, oidc, provider.host);
    const options = { ...oidc, jwtSecret, pool, requests };
    const token = await issueLoginToken(account, request.ip, options);
    return reply.send({ ...token, return_to: login.returnTo });
  }

  /** Calls the provider when the turn of the client has come. Its failures become sentences. */
  #atProvider<T>(request: FastifyRequest, call: () => Promise<T>): Promise<T> {
    const { host } = this.provider;
    return this.#queue.run(request.ip, undefined, () =>
      call().catch((error: unknown) => {
        this.#options.log.warn({ host, ...factsOfFailure(error) }, 'a login by OIDC failed');
        throw explainFailure(error, host);
      }),
    );
  }
}

/** Throws `HWDEN` for a request of a page of another site. Old browsers do not say. */
function requireOwnPage({ headers }: FastifyRequest): void {
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin') return;
  throw new HowdahError('HWDEN', 'only the console may begin and end a login', {
    hint: 'Open /login of this server.',
  });
}

async function readBody<S extends z.ZodType>(
  request: FastifyRequest,
  schema: S,
): Promise<z.output<S>> {
  const body = await readJson(request.raw, MAX_BYTES);
  if (!body.ok) {
    const { status, message, hint } =
      body.fault === 'gone' ? { status: 400, message: 'the client is gone' } : { ...body.fault };
    throw new RequestRefusal(status, message, { hint });
  }
  const checked = checkShape(schema, body.value);
  if ('value' in checked) return checked.value;
  const [issue] = checked.issues.slice(0, 1).map(zodMessage);
  const field = issue?.path.join('.') || 'body';
  throw new RequestRefusal(400, issue ? sentenceOf(field, issue) : 'the body is not valid', {
    hint: 'Send a JSON object with the fields of docs/keys.md.',
    detail: { field },
  });
}

function otherLogin(): HowdahError {
  return new HowdahError('HWDEN', 'this answer belongs to no login of this browser', {
    hint: 'It was used before, is older than ten minutes, or began in another browser or tab. Sign in again; cookies are needed.',
  });
}

function createBusyError(): HowdahError {
  return new HowdahError(BUSY, 'too many people log in at once', {
    hint: 'Sign in again in a moment.',
  });
}
