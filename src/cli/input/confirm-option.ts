import type { Pool, PoolClient } from '../../db/connection/pool.ts';
import { exitCodes } from '../output/exit-codes.ts';
import type { CliIo } from '../output/output.ts';

/** Of verbs that destroy. */
export const YES_OPTION = ['--yes', 'do not ask first, as it is asked at a terminal'] as const;
export const DRY_RUN_OPTION = ['--dry-run', 'tell what would be done, and do nothing'] as const;

/** Whether a person at a terminal wants what cannot be undone; elsewhere, with `--yes` and for programs nobody is asked. */
export async function confirm(io: CliIo, what: string, yes: boolean | undefined): Promise<boolean> {
  if (yes || io.json || io.ask === undefined) return true;
  const line = await io.ask(`${what} This cannot be undone. Go on? [y/N] `);
  if (/^y(es)?$/i.test(line?.trim() ?? '')) return true;
  io.err('Nothing was done.');
  io.setExitCode(exitCodes.error);
  return false;
}

/** Does it in a transaction that is undone when it was only to be seen what it does. */
export async function withDryRun<T>(
  pool: Pool,
  isDryRun: boolean,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query(isDryRun ? 'rollback' : 'commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch((lost: Error) => {
      broken = lost;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}
