import type { IncomingHttpHeaders } from 'node:http';
import type { Client } from '../../db/json-rows.ts';
import { MAX_REQUEST_BYTES } from '../graphql/preset.ts';
import type { Identity } from './verdict.ts';

/** Bytes of a body whose sender may only read. */
export const MAX_READER_BYTES = 16 * 1024;

/** A transaction as the caller. */
export type Transaction = <T>(work: (db: Client) => Promise<T>) => Promise<T>;
type Caller = { identity: Identity; transaction: Transaction };
type Headers = Pick<IncomingHttpHeaders, 'content-length'>;

/** As `howdah.permissions` names it; without an action the one that changes it. */
export type Permission = { object: string; action?: string };

/**
 * Refuses a body before it is read, with what the database says (`HWDEN`). Who may change something is let through, since
 * the database judges what he asks for; who may change nothing is refused the object. `isRequired`: the object
 * is asked for whoever it is, since its bodies are dear to read.
 */
export async function permitBody(
  { identity, transaction }: Caller,
  headers: Headers,
  permission: Permission,
  isRequired = false,
): Promise<void> {
  if (!isRequired && !isDoubtful(identity) && !isLarge(headers)) return;
  await transaction(async (db) => {
    if (isRequired || !(await mayChange(db))) await permit(db, permission);
  });
}

/** The bytes a body may have. Doors that are read from as well take little of those who may only read. */
export async function mostBytesFor(
  { transaction }: Pick<Caller, 'transaction'>,
  headers: Headers,
): Promise<number> {
  if (!isLarge(headers)) return MAX_READER_BYTES;
  return (await transaction(mayChange)) ? MAX_REQUEST_BYTES : MAX_READER_BYTES;
}

/** Whether the caller may do anything but read. */
async function mayChange(db: Client): Promise<boolean> {
  const { rows } = await db.query<{ may: boolean }>(
    `select exists (
       select from howdah_private.permission_rows() as p
       where p.action <> 'read' and howdah_private.may(p.object, p.action)
     ) as may`,
  );
  return rows[0]?.may === true;
}

async function permit(db: Client, { object, action }: Permission): Promise<void> {
  await db.query(
    `select howdah_private.permit(p.object, p.action) from howdah_private.permission_rows() as p
     where p.object = $1 and p.action = coalesce($2, p.action) and p.action <> 'read'`,
    [object, action ?? null],
  );
}

/** By what was shown at the door; the database knows more, and is asked. */
function isDoubtful({ role, scopes }: Identity): boolean {
  return role === 'viewer' || scopes !== undefined;
}

/** A body without a length may be of any. */
function isLarge({ 'content-length': length, ...others }: Headers): boolean {
  const isChunked = (others as IncomingHttpHeaders)['transfer-encoding'] !== undefined;
  return isChunked || Number(length ?? 0) > MAX_READER_BYTES;
}
