import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { FairQueue } from '../../concurrency/fair-queue.ts';
import { HowdahError } from '../../contracts/errors.ts';
import type { AccountFlows, LinkedAccount } from '../../db/access/connected-accounts.ts';
import { equalInConstantTime } from '../../text/equal-in-constant-time.ts';
import type { Authorizations } from '../../tools/oauth/lazy-authorizations.ts';
import { type ErrorLog, errorAnswerOf } from '../errors/answer-error.ts';
import { BUSY, tenantShares } from '../http/request-queue.ts';
import { confirmationPage, connectedPage, failedPage, PAGE_HEADERS } from './html-pages.ts';

// The pages by which a person connects an account. They need no login, since a browser has none:
// the link in their path is the proof. It lets nobody read anything.
//
//   GET /oauth/connect/LINK            says who gets the account, and gives the browser a key
//   GET /oauth/connect/LINK/continue   begins the authorization, and sends the browser there
//   GET /oauth/callback                ends it: the state must be of this browser
//
// The key of the browser is a cookie, and each page of a link gives it a new one. Without it,
// somebody could send another person to the second or third address, and so get that person's
// account for runs of their own. A page of a sibling domain can set cookies too, but none with the
// prefix `__Host-`, which browsers reserve for the host itself over https. Over http, where the
// prefix does not exist, the browser says whether it comes from our page.

export type OAuthEndpointOptions = {
  flows: AccountFlows;
  authorizations: Authorizations;
  onError: ErrorLog;
};

/** The name of the cookie over http, and its prefix over https. */
const COOKIE = 'howdah_browser';
const HOST_PREFIX = '__Host-';
const COOKIE_SECONDS = 3_600;
const KEY = /^[A-Za-z0-9_-]{43}$/;
/** Maximum number of requests to authorization servers at once, shared among tenants. */
const MAX_CONCURRENT = 16;
/** The requests that may wait, and the longest wait. Others are refused. */
const MAX_WAITING = 64;
const MAX_WAIT_MS = 10_000;

/** Registers the pages. */
export function oauthRoutes(app: FastifyInstance, options: OAuthEndpointOptions): void {
  const pages = new OAuthPages(options);
  const withErrorPage = (
    work: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>,
  ) => {
    return async (request: FastifyRequest, reply: FastifyReply) => {
      try {
        return await work(request, reply);
      } catch (error) {
        const { status, message, hint } = errorAnswerOf(error, options.onError);
        return sendPage(reply, status, failedPage(message, hint ?? TRY_AGAIN));
      }
    };
  };
  app.get('/oauth/connect/:link', { exposeHeadRoute: false }, withErrorPage(pages.show));
  app.get('/oauth/connect/:link/continue', { exposeHeadRoute: false }, withErrorPage(pages.begin));
  app.get('/oauth/callback', { exposeHeadRoute: false }, withErrorPage(pages.finish));
}

const TRY_AGAIN = 'Open the link again, or ask for a new one.';

class OAuthPages {
  readonly #options: OAuthEndpointOptions;
  readonly #queue = new FairQueue({
    ...tenantShares(MAX_CONCURRENT),
    waiting: { most: MAX_WAITING, ms: MAX_WAIT_MS, refusal: createBusyError },
  });

  constructor(options: OAuthEndpointOptions) {
    this.#options = options;
  }

  readonly show = async (request: FastifyRequest, reply: FastifyReply) => {
    const { authorizations, flows } = this.#options;
    const account = await this.#accountOf(request);
    if (!account) return sendUnknownLink(reply);
    const { integration, tenant, user, address } = account;
    if (account.status === 'connected' && (await flows.answerQuestions(account.id)) > 0) {
      return sendPage(reply, 200, connectedPage(integration.name)); // by another link
    }
    const key = authorizations.newKey();
    setBrowserKey(reply, key, address);
    const continueUrl = `${address}/oauth/connect/${linkOf(request)}/continue?key=${key}`;
    const about = { integration: integration.name, resource: integration.resource_url };
    return sendPage(reply, 200, confirmationPage({ ...about, tenant, user, continueUrl }));
  };

  readonly begin = async (request: FastifyRequest, reply: FastifyReply) => {
    const account = await this.#accountOf(request);
    if (!account) return sendUnknownLink(reply);
    const key = browserKeyOf(request, cookieNameFor(account.address));
    const { key: sent } = request.query as { key?: unknown };
    const isOurs = key !== undefined && typeof sent === 'string' && equalInConstantTime(key, sent);
    if (!isOurs || !comesFromOurPage(request)) {
      const message = 'This page was not opened from the page of the link in this browser.';
      return sendPage(reply, 400, failedPage(message, 'Open the link itself; cookies are needed.'));
    }
    const redirect = await this.#queue.run(account.tenant_id, undefined, () =>
      this.#options.authorizations.begin(account, account.address, key),
    );
    if (redirect.ok) return reply.header('cache-control', 'no-store').redirect(redirect.value, 303);
    await this.#options.flows.fail(account.id, redirect.error.message, null);
    return sendPage(reply, 502, failedPage(`${redirect.error.message}.`, TRY_AGAIN));
  };

  readonly finish = async (request: FastifyRequest, reply: FastifyReply) => {
    const { flows, authorizations } = this.#options;
    const answer = new URL(request.url, 'http://callback').searchParams;
    const account = await this.#takeFlow(request, answer.get('state') ?? '');
    if (!account) {
      const message =
        'This answer belongs to no authorization of this browser: it was used before, it is older than ten minutes, or it began elsewhere.';
      return sendPage(reply, 400, failedPage(message, TRY_AGAIN));
    }
    const ended = await this.#queue.run(account.tenant_id, undefined, () =>
      authorizations.finish(account, answer),
    );
    if (ended.ok) return sendPage(reply, 200, connectedPage(account.integration.name));
    await flows.fail(account.id, ended.error.message, account.flow.id);
    return sendPage(reply, 502, failedPage(`${ended.error.message}.`, TRY_AGAIN));
  };

  /**
   * Returns the authorization that this browser began with this state. Over https, only the cookie
   * with the prefix counts.
   */
  async #takeFlow(request: FastifyRequest, state: string) {
    const { flows, authorizations } = this.#options;
    const { digestOf } = authorizations;
    for (const cookie of KEY.test(state) ? [`${HOST_PREFIX}${COOKIE}`, COOKIE] : []) {
      const key = browserKeyOf(request, cookie);
      const account = key && (await flows.take({ state: digestOf(state), browser: digestOf(key) }));
      if (account) return cookieNameFor(account.address) === cookie ? account : undefined;
    }
    return undefined;
  }

  #accountOf(request: FastifyRequest): Promise<LinkedAccount | undefined> {
    const { flows, authorizations } = this.#options;
    const link = linkOf(request);
    return /^[A-Za-z0-9]{43}$/.test(link)
      ? flows.ofLink(authorizations.digestOf(link))
      : Promise.resolve(undefined);
  }
}

function createBusyError(): HowdahError {
  return new HowdahError(BUSY, 'too many accounts are being connected at once', {
    hint: 'Open the link again in a moment.',
  });
}

function linkOf(request: FastifyRequest): string {
  return (request.params as { link: string }).link;
}

/** Returns the key that this browser was given in this cookie. */
function browserKeyOf({ headers }: FastifyRequest, cookie: string): string | undefined {
  const cookies = headers.cookie?.split(';').map((one) => one.trim()) ?? [];
  const own = cookies.find((one) => one.startsWith(`${cookie}=`))?.slice(cookie.length + 1);
  return own !== undefined && KEY.test(own) ? own : undefined;
}

/** Returns whether the browser followed a link of ours. Old browsers do not say. */
function comesFromOurPage({ headers }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site'];
  return site === undefined || site === 'same-origin';
}

function isHttps(address: string): boolean {
  return new URL(address).protocol === 'https:';
}

function cookieNameFor(address: string): string {
  return isHttps(address) ? `${HOST_PREFIX}${COOKIE}` : COOKIE;
}

/** Sets the cookie. The prefix requires the path `/`. */
function setBrowserKey(reply: FastifyReply, key: string, address: string): void {
  const path = isHttps(address) ? '/' : `${new URL(address).pathname.replace(/\/$/, '')}/oauth/`;
  const secure = isHttps(address) ? '; Secure' : '';
  reply.header(
    'set-cookie',
    `${cookieNameFor(address)}=${key}; Path=${path}; Max-Age=${COOKIE_SECONDS}; HttpOnly; SameSite=Lax${secure}`,
  );
}

function sendUnknownLink(reply: FastifyReply) {
  const message = 'This link is not valid any more, or never was.';
  return sendPage(reply, 404, failedPage(message, 'Ask for a new one.'));
}

function sendPage(reply: FastifyReply, status: number, html: string) {
  return reply.code(status).headers(PAGE_HEADERS).send(html);
}
