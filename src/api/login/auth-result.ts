import type { Subject, UserRole } from '../../db/access/subjects.ts';

/** The identity of the caller of a request. */
export type Identity = Subject &
  Readonly<{
    /** The most that the identity may do; the row of the user may allow less. */
    role: UserRole;
    /** The actions that an API key may take; undefined for all actions of its role. */
    scopes?: readonly string[] | undefined;
    /**
     * The time at which the token or key expires, in milliseconds since 1970; undefined if it never
     * expires, or if there is no token or key.
     */
    expiresAt: number | undefined;
    /**
     * True for a request without a login, on a server that only its machine can reach: the caller
     * may name addresses of that machine.
     */
    ownsMachine?: true;
    /** True for every request to a server without a login, also for one with a key. */
    isWithoutLogin?: true;
    /** The run whose tool or engine sent the request. */
    causedBy?: string;
  }>;

/**
 * The rejection of a login: 401, or 503 when the login cannot be checked now. `reason` is for
 * programs. There is one message for all faults of an invalid token or key, so that a forger learns
 * nothing from the answer.
 */
export type LoginRefusal = Readonly<{
  status: 401 | 503;
  code: string;
  reason: keyof typeof refusals;
  message: string;
  hint: string;
}>;

/** An outcome of the login. */
export type AuthResult<T> =
  | Readonly<{ ok: true; value: T }>
  | Readonly<{ ok: false; refusal: LoginRefusal }>;

const GET_ONE =
  'Get one: npx howdah admin token --tenant default --user NAME, or npx howdah admin key create NAME --tenant default';

const refusals = {
  missing: [
    'This server requires a token or an API key: send the header Authorization: Bearer …, or on a WebSocket `authorization` in connection_init.',
    GET_ONE,
  ],
  expired: ['The token or API key has expired.', GET_ONE],
  invalid: ['The token or API key is not valid.', GET_ONE],
  revoked: ['The API key was revoked.', GET_ONE],
  unknown: [
    'The tenant or the user of the token or API key does not exist or is not active.',
    GET_ONE,
  ],
  unproven: ['The API key was created without a login, and this server requires one.', GET_ONE],
  keyless: [
    'This server cannot check tokens: no key is set.',
    'Send an API key (npx howdah admin key create NAME --tenant default), or set HOWDAH_JWT_SECRET or HOWDAH_JWKS_URL on the server. Where no login is required, send no token.',
  ],
  unreachable: [
    'The token or API key cannot be checked now; try again in a moment.',
    'See the log of the server for the reason.',
  ],
} as const satisfies Record<string, readonly [string, string]>;

/** The refusal for a reason. */
export function refusalOf(reason: LoginRefusal['reason']): { ok: false; refusal: LoginRefusal } {
  const [message, hint] = refusals[reason];
  const [status, code] = reason === 'unreachable' ? [503, 'EUNREACHABLE'] : [401, 'HWDEN'];
  return { ok: false, refusal: { status, code, reason, message, hint } as LoginRefusal };
}
