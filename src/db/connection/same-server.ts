import { HowdahError } from '../../contracts/errors.ts';
import type { Pool } from './pool.ts';

/**
 * Throws `HWINV` if the pooler leads to another database. Direct look-ups would then not match what
 * requests see.
 */
export async function refuseOtherServer(direct: Pool, pooled: Pool): Promise<void> {
  const [one, other] = await Promise.all([direct, pooled].map(placeOf));
  if (one === other) return;
  throw new HowdahError(
    'HWINV',
    'DATABASE_URL and DATABASE_DIRECT_URL point to different databases',
    {
      hint: 'Configure the pooler at DATABASE_URL for the database of DATABASE_DIRECT_URL.',
      detail: { variable: 'DATABASE_DIRECT_URL' },
    },
  );
}

async function placeOf(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ place: string }>(
    `select d.oid::text || ' ' || extract(epoch from pg_postmaster_start_time()) as place
     from pg_database as d where d.datname = current_database()`,
  );
  return rows[0]?.place ?? '';
}
