import type { Subject, UserRole } from '../../db/access/subjects.ts';

/** As whom a request is answered. */
export type Identity = Subject &
  Readonly<{
    /** What it may do at most; a user's own row may say less. */
    role: UserRole;
    /** The actions an API key may take; undefined: all that its role may. */
    scopes?: readonly string[] | undefined;
    /** When the token or key ends, in milliseconds since 1970; undefined: never, or there was none. */
    expiresAt: number | undefined;
  }>;

/**
 * Why a request is not answered: 401, or 503 when nobody can tell now. `reason` is for programs. One sentence for
 * whatever is wrong with a token or key: who made it up learns nothing from the answer.
 */
export type Refusal = Readonly<{
  status: 401 | 503;
  code: string;
  reason: 'missing' | 'expired' | 'invalid' | 'revoked' | 'unknown' | 'keyless' | 'unreachable';
  message: string;
  hint: string;
}>;

/** An outcome of the login. */
export type AuthResult<T> =
  | Readonly<{ ok: true; value: T }>
  | Readonly<{ ok: false; refusal: Refusal }>;

const GET_ONE =
  'Get one: npx howdah token --tenant default --user NAME, or npx howdah key create NAME --tenant default';

const refusals = {
  missing: [
    'This server wants a token or an API key: send the header Authorization: Bearer …, on a WebSocket `authorization` in connection_init.',
    GET_ONE,
  ],
  expired: ['The token or API key has expired.', GET_ONE],
  invalid: ['The token or API key is not valid.', GET_ONE],
  revoked: ['The API key was revoked.', GET_ONE],
  unknown: ['The tenant or the user of the token or API key is not there, or not active.', GET_ONE],
  keyless: [
    'This server cannot check tokens: it has no key.',
    'Set HOWDAH_JWT_SECRET or HOWDAH_JWKS_URL, or send no token.',
  ],
  unreachable: [
    'The token or API key cannot be checked now; try again in a moment.',
    'See the log.',
  ],
} as const satisfies Record<Refusal['reason'], readonly [string, string]>;

/** The refusal for a reason. */
export function refused(reason: Refusal['reason']): { ok: false; refusal: Refusal } {
  const [message, hint] = refusals[reason];
  const [status, code] = reason === 'unreachable' ? [503, 'EUNREACHABLE'] : [401, 'HWDEN'];
  return { ok: false, refusal: { status, code, reason, message, hint } as Refusal };
}
