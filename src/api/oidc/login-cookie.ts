import { hkdfSync } from 'node:crypto';
import { EncryptJWT, jwtDecrypt } from 'jose';

// A login at the provider takes the browser away from the console and back. What the server must
// know then is in a cookie, so that any process of the API can end a login that another one began.
// The cookie is encrypted, not readable by scripts, never sent by other sites, and valid for ten
// minutes. A page of a sibling domain can set cookies too, but none with the prefix `__Host-`.

/** Values of a login at the provider that has not ended: the cookie holds them. */
export type PendingLogin = Readonly<{
  state: string;
  nonce: string;
  /** The verifier of PKCE. */
  verifier: string;
  /** The path of the console to show after the login. */
  returnTo: string;
}>;

const NAME = 'howdah_login';
const SECONDS = 600;
/** Marks the cookies, so that nothing else under the key opens as one. */
const AUDIENCE = 'howdah login cookie';

/** Seals and opens the cookies of one server. */
export type LoginCookies = {
  /** Returns the value of Set-Cookie for a login. */
  seal(login: PendingLogin): Promise<string>;
  /** Returns the login that a header `Cookie` has, or undefined if it is forged or too old. */
  open(header: string | undefined): Promise<PendingLogin | undefined>;
  /** The value of Set-Cookie that removes the cookie. */
  removal: string;
};

/** Creates the cookies. The key is derived from the secret of tokens, which all processes share. */
export function createLoginCookies(jwtSecret: string, publicUrl: string): LoginCookies {
  const key = new Uint8Array(hkdfSync('sha256', jwtSecret, '', AUDIENCE, 32));
  const { protocol, pathname } = new URL(publicUrl);
  const isHttps = protocol === 'https:';
  const name = isHttps ? `__Host-${NAME}` : NAME;
  const path = isHttps ? '/' : `${pathname.replace(/\/$/, '')}/login/oidc`; // the prefix needs `/`
  const traits = `Path=${path}; HttpOnly; SameSite=Strict${isHttps ? '; Secure' : ''}`;
  return {
    async seal(login) {
      const sealed = await new EncryptJWT({ login })
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
        .setAudience(AUDIENCE)
        .setExpirationTime(`${SECONDS} seconds`)
        .encrypt(key);
      return `${name}=${sealed}; Max-Age=${SECONDS}; ${traits}`;
    },
    async open(header) {
      const cookies = header?.split(';').map((one) => one.trim()) ?? [];
      const sealed = cookies.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);
      if (sealed === undefined) return undefined;
      const options = {
        audience: AUDIENCE,
        keyManagementAlgorithms: ['dir'],
        contentEncryptionAlgorithms: ['A256GCM'],
        requiredClaims: ['exp', 'login'],
      };
      const opened = await jwtDecrypt(sealed, key, options).catch(() => undefined);
      return opened?.payload.login as PendingLogin | undefined;
    },
    removal: `${name}=; Max-Age=0; ${traits}`,
  };
}
