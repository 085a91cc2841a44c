import { HowdahError } from '../../contracts/errors.ts';
import type { Client } from '../connection/pool.ts';
import { faultOf } from '../connection/sqlstate.ts';
import { archiveMonth, checkArchive } from './write-archive.ts';

/**
 * The archive of a closed month, and the archive that it replaces because the old one is not whole.
 */
export type EnsuredArchive = { archive: string | null; replaced: string | null };

type Found = { archive: string | null; is_cleared: boolean; tables: number };

/**
 * Ensures that a closed month has a whole archive before more of its data is deleted, if the month
 * has an archive or is to have one. While all data still exists, a broken or lost archive is
 * replaced by another one beside it. The broken archive is left as it is, because part of it may be
 * needed. Throws `HWCNF` or `HWINV` when there is no reliable archive. The month then stays.
 */
export async function ensureArchive(
  client: Client,
  month: string,
  folder: string | undefined,
): Promise<EnsuredArchive> {
  const day = `${month}-01`;
  const { rows } = await client.query<Found>(
    `select c.archive, c.cleared_to is not null as is_cleared,
       (select count(*)::int from howdah_private.month_partitions(c.month)) as tables
     from howdah_private.closed_months as c where c.month = $1`,
    [day],
  );
  const { archive, is_cleared, tables } = rows[0] as Found;
  const isAllThere = tables === 3 && !is_cleared;
  if (archive === null) {
    const isWanted = folder !== undefined && tables === 3;
    return { archive: isWanted ? await write(client, month, folder) : null, replaced: null };
  }
  const fault = await refuseUnarchived(client, archive, month, tables === 3).catch(
    (error: unknown) => error,
  );
  if (fault === undefined) return { archive, replaced: null };
  const { code } = faultOf(fault);
  if (!isAllThere || folder === undefined || (code !== 'HWINV' && code !== 'HWCNF')) throw fault;
  return { archive: await write(client, month, folder), replaced: archive };
}

async function write(client: Client, month: string, folder: string): Promise<string> {
  const archive = await archiveMonth(client, month, folder);
  await refuseUnarchived(client, archive, month, true);
  await client.query('select howdah_private.record_month_progress($1, $2)', [
    `${month}-01`,
    archive,
  ]);
  return archive;
}

/**
 * Throws when the archive is not whole, is of another month, or has fewer runs than the database.
 * The database may have fewer runs, because some may have been erased since.
 */
async function refuseUnarchived(
  client: Client,
  archive: string,
  wanted: string,
  hasRuns: boolean,
): Promise<void> {
  const { month, tables } = await checkArchive(archive);
  const { rows } = await client.query(
    `select count(*)::float8 as runs from howdah.executions as e, howdah_private.month_bounds($1) as b
     where $2 and e.id >= b.first_id and e.id < b.next_id`,
    [`${wanted}-01`, hasRuns],
  );
  const archived = tables[0]?.rows ?? 0;
  if (month === wanted && archived >= rows[0].runs) return;
  throw new HowdahError(
    'HWCNF',
    `the month ${wanted} was not dropped: its archive ${archive} has ${archived} runs of ${month}, and the database has ${rows[0].runs}`,
    {
      hint: 'Restore the archive of that month to this folder.',
      detail: { month: wanted, archive, archived, runs: rows[0].runs },
    },
  );
}
