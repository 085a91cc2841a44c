import { basePath } from '../server/base-path.ts';
import { callRest } from '../server/rest.ts';

// The login at an OpenID provider. The provider sends the browser to /login/callback with an answer
// in the URL. The console takes it out of the URL at once and sends it to the server, which returns
// a token.

const CALLBACK = '/login/callback';

/** The provider, and the address of the console from which logins begin; null if there is none. */
export type OidcProvider = { issuer: string | null; url: string | null };

/** A token, and the path to show. */
export type OidcSession = { token: string; return_to: string };

/** The answer of the provider that the URL had when this page was loaded. */
export const oidcAnswer = takeAnswer();

function takeAnswer(): string | undefined {
  if (location.pathname !== `${basePath}${CALLBACK}`) return undefined;
  const answer = location.search.replace(/^\?/, '');
  history.replaceState(null, '', `${basePath}/login`); // neither the history nor a reload has it
  return answer;
}

let session: Promise<OidcSession> | undefined;

/** Ends the login of an answer. The server takes an answer once, however often a component asks. */
export function finishOidcLogin(answer: string): Promise<OidcSession> {
  session ??= callRest<OidcSession>('/login/oidc/finish', {
    method: 'POST',
    body: { answer },
  }).then(({ body }) => body);
  return session;
}

/**
 * Returns the page at which a login begins, in the form that the server accepts: as the URL has it,
 * since the router decodes it. A page whose URL is too long is the first page.
 */
export function pageToReturnTo(): string {
  const page = location.pathname.slice(basePath.length) + location.search;
  return page.startsWith('/login') || !/^\/(?![/\\])[^\\]{0,999}$/.test(page) ? '/' : page;
}

/** Begins a login and leaves the console for the provider. */
export async function startOidcLogin(returnTo: string): Promise<void> {
  const { body } = await callRest<{ url: string }>('/login/oidc/start', {
    method: 'POST',
    body: { return_to: returnTo },
  });
  location.assign(body.url);
}

/** Returns whether this page is at the address from which logins begin, which keeps the cookie. */
export function isAtLoginAddress(url: string): boolean {
  return url === `${location.origin}${basePath}`;
}
