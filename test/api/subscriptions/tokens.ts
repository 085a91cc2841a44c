import { type CryptoKey, type JWTPayload, type KeyObject, SignJWT } from 'jose';
import type { ApiOptions } from '../../../src/api/server.ts';
import { type Db, one } from '../../sql/support.ts';

export const SECRET = 'a secret of at least thirty-two bytes';

/** Options of a server that requires a token. */
export const tokenOptions = {
  auth: 'required',
  jwtSecret: SECRET,
} as const satisfies Partial<ApiOptions>;

/** Returns the current time in seconds, as used in tokens. */
export const now = () => Math.floor(Date.now() / 1000);

/** A tenant with one user, by the names of the claims. */
export type Person = { sub: string; tenant_id: string; user_id: string };

export async function makePerson(db: Db, username: string, tenant_id?: string): Promise<Person> {
  const { id, tenant } = await one(
    db,
    `insert into howdah.users (username, tenant_id)
     values ($1, coalesce($2::uuid, howdah.current_tenant())) returning id, tenant_id as tenant`,
    [username, tenant_id ?? null],
  );
  return { sub: id, tenant_id: tenant, user_id: id };
}

/** Claims that differ from the standard ones. A claim set to undefined is removed. */
type Changes = Readonly<Record<string, unknown>>;

/** Returns the claims that the API expects. */
export function claimsOf(person: Person, changes: Changes = {}): JWTPayload {
  const usual = { iss: 'howdah', aud: 'howdah', role: 'member', iat: now(), exp: now() + 3600 };
  return { ...usual, ...person, ...changes };
}

export function sign(
  claims: JWTPayload,
  key: Uint8Array | CryptoKey | KeyObject = Buffer.from(SECRET),
  header: { alg: string; [name: string]: unknown } = { alg: 'HS256' },
): Promise<string> {
  return new SignJWT(claims).setProtectedHeader(header).sign(key);
}

/** Returns a valid token. */
export function tokenFor(person: Person, changes: Changes = {}): Promise<string> {
  return sign(claimsOf(person, changes));
}
