import type { Queryable } from '../connection/pool.ts';
import type { Gap } from './tenant-isolation-check.ts';

/** Finds roles of Howdah with more or fewer rights than the migrations gave them. */
export async function roleFaults(db: Queryable): Promise<Gap[]> {
  return (await db.query('select * from howdah_private.role_faults()')).rows as Gap[];
}

/** A fault of a login. A note is no danger to other tenants. */
export type LoginFault = Gap & { is_note: boolean };

/** Finds database logins of tenants with too many rights or without time-outs. */
export async function loginFaults(db: Queryable): Promise<LoginFault[]> {
  return (await db.query('select * from howdah_private.login_faults()')).rows as LoginFault[];
}
