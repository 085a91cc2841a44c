import type { EnumLabel } from '../../contracts/enum-labels.generated.ts';
import type { Queryable } from '../connection/pool.ts';

/** Who a session is, and what it may do. */
export type Me = {
  user_id: string | null;
  username: string | null;
  role: EnumLabel<'user_role'> | null;
  tenant_id: string | null;
  tenant: string | null;
  scopes: string[] | null;
  permissions: string[];
};

/** Returns who the session is. */
export async function findMe(db: Queryable): Promise<Me> {
  const { rows } = await db.query<Me>('select * from howdah.me()');
  const [me] = rows;
  if (!me) throw new Error('howdah.me() returned no row');
  return me;
}
