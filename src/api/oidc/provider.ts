import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  type Configuration,
  calculatePKCECodeChallenge,
  clockTolerance,
  discovery,
  enableNonRepudiationChecks,
  type IDToken,
  None,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from 'openid-client';
import type { Config } from '../../config.ts';
import type { PendingLogin } from './login-cookie.ts';

type OidcSettings = NonNullable<Config['oidc']>;

/** The allowed difference between clocks, in seconds. */
const LEEWAY_S = 30;
const TIMEOUT_S = 10;
/** Time for which the description of the provider is used. */
const FRESH_MS = 600_000;

/** The OpenID provider of this server. Its methods reject as openid-client does. */
export type OpenIdProvider = {
  /** The host of the provider, to name it. */
  host: string;
  /** Begins a login: returns where to send the browser, and what to keep until it returns. */
  begin(): Promise<{ url: string; login: Omit<PendingLogin, 'returnTo'> }>;
  /**
   * Ends a login: exchanges the code for an ID token, and returns its claims. Checks the state, the
   * issuer, audience, nonce, times and signature.
   */
  finish(answer: URLSearchParams, login: PendingLogin): Promise<IDToken>;
};

/** Creates the provider. It is reached at the first login, not before. */
export function createOpenIdProvider(settings: OidcSettings, redirectUri: string): OpenIdProvider {
  const describe = createDiscovery(settings);
  return {
    host: new URL(settings.issuer).host,
    async begin() {
      const login = {
        state: randomState(),
        nonce: randomNonce(),
        verifier: randomPKCECodeVerifier(),
      };
      const url = buildAuthorizationUrl(await describe(), {
        redirect_uri: redirectUri,
        scope: settings.scopes,
        state: login.state,
        nonce: login.nonce,
        code_challenge: await calculatePKCECodeChallenge(login.verifier),
        code_challenge_method: 'S256',
      });
      return { url: url.href, login };
    },
    async finish(answer, { state, nonce, verifier }) {
      const url = new URL(redirectUri);
      url.search = answer.toString();
      const tokens = await authorizationCodeGrant(await describe(), url, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      });
      const claims = tokens.claims();
      if (claims === undefined) throw new Error('openid-client returned no ID token');
      return claims;
    },
  };
}

/**
 * Returns the function that reads the description of the provider, once for all logins. A failure
 * is not remembered.
 */
function createDiscovery(settings: OidcSettings): () => Promise<Configuration> {
  let known: { at: number; configuration: Promise<Configuration> } | undefined;
  return () => {
    if (known && performance.now() - known.at < FRESH_MS) return known.configuration;
    const current = { at: performance.now(), configuration: discover(settings) };
    known = current;
    current.configuration.catch(() => {
      if (known === current) known = undefined;
    });
    return current.configuration;
  };
}

function discover(settings: OidcSettings): Promise<Configuration> {
  const { issuer, clientId } = settings;
  const isHttp = issuer.toLowerCase().startsWith('http:'); // loopback only
  const metadata = { [clockTolerance]: LEEWAY_S };
  return discovery(new URL(issuer), clientId, metadata, authenticationOf(settings), {
    timeout: TIMEOUT_S,
    // The signature is checked even though the ID token comes straight from the provider
    execute: [enableNonRepudiationChecks, ...(isHttp ? [allowInsecureRequests] : [])],
  });
}

function authenticationOf({ clientSecret, clientAuth }: OidcSettings): ClientAuth {
  if (clientSecret === undefined) return None();
  return clientAuth === 'client_secret_basic'
    ? ClientSecretBasic(clientSecret)
    : ClientSecretPost(clientSecret);
}
