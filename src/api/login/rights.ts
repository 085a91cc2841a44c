import type { IncomingHttpHeaders } from 'node:http';
import type { Queryable } from '../../db/connection/pool.ts';
import { MAX_REQUEST_BYTES } from '../http/server-limits.ts';
import type { Identity } from './auth-result.ts';

/** Most bytes of a body from a sender that may only read. */
export const MAX_READER_BYTES = 16 * 1024;

/** Runs work in a transaction as the caller. */
export type Transaction = <T>(work: (db: Queryable) => Promise<T>) => Promise<T>;
type Caller = { identity: Identity; transaction: Transaction };
type Headers = Pick<IncomingHttpHeaders, 'content-length'>;

/**
 * A permission as `howdah.permissions` names it. Without an action it is the action that changes
 * the object.
 */
export type Permission = { object: string; action?: string };

/**
 * Refuses a body before it is read, with the error of the database (`HWDEN`). A caller that may
 * change anything passes, since the database checks the request itself. A caller that may change
 * nothing is refused the object. With `isRequired`, every caller needs the permission on the
 * object, since its bodies are expensive to read.
 */
export async function permitBody(
  { identity, transaction }: Caller,
  headers: Headers,
  permission: Permission,
  isRequired = false,
): Promise<void> {
  if (!isRequired && !mayBeReadOnly(identity) && !isLarge(headers)) return;
  await transaction(async (db) => {
    if (isRequired || !(await mayChange(db))) await permit(db, permission);
  });
}

/**
 * Returns the most bytes a body may have. Endpoints that also serve reads accept only small bodies
 * from callers that may only read.
 */
export async function mostBytesFor(
  { transaction }: Pick<Caller, 'transaction'>,
  headers: Headers,
): Promise<number> {
  if (!isLarge(headers)) return MAX_READER_BYTES;
  return (await transaction(mayChange)) ? MAX_REQUEST_BYTES : MAX_READER_BYTES;
}

/** Returns whether the caller has any permission besides reading. */
async function mayChange(db: Queryable): Promise<boolean> {
  const { rows } = await db.query<{ may: boolean }>(
    `select exists (
       select from howdah_private.permission_rows() as p
       where p.action <> 'read' and howdah_private.may(p.object, p.action)
     ) as may`,
  );
  return rows[0]?.may === true;
}

async function permit(db: Queryable, { object, action }: Permission): Promise<void> {
  await db.query(
    `select howdah_private.permit(p.object, p.action) from howdah_private.permission_rows() as p
     where p.object = $1 and p.action = coalesce($2, p.action) and p.action <> 'read'`,
    [object, action ?? null],
  );
}

/**
 * Returns whether the token or key itself suggests that the caller may only read. The database then
 * decides.
 */
function mayBeReadOnly({ role, scopes }: Identity): boolean {
  return role === 'viewer' || scopes !== undefined;
}

/** Returns whether a body is large. A body without a length may be of any size. */
function isLarge({ 'content-length': length, ...others }: Headers): boolean {
  const isChunked = (others as IncomingHttpHeaders)['transfer-encoding'] !== undefined;
  return isChunked || Number(length ?? 0) > MAX_READER_BYTES;
}
