import { HowdahError } from '../../contracts/errors.ts';
import type { Plan } from '../../db/access/agent-systems.ts';
import type { Pool, PoolClient } from '../../db/connection/pool.ts';
import { exitCodes } from '../output/exit-codes.ts';
import type { CliIo } from '../output/output.ts';

/** The `--yes` option of destructive verbs. */
export const YES_OPTION = [
  '--yes',
  'do not ask for confirmation; needed without a terminal and with --json',
] as const;
export const DRY_RUN_OPTION = ['--dry-run', 'show what would be done; change nothing'] as const;

/**
 * Asks a person at a terminal to confirm the loss that a sentence names. Without a terminal, and
 * for programs, only `--yes` confirms. Throws `EUSAGE` without it.
 */
export async function confirm(io: CliIo, what: string, yes: boolean | undefined): Promise<boolean> {
  if (yes) return true;
  if (io.json || io.ask === undefined) {
    throw new HowdahError('EUSAGE', `${what} This cannot be undone.`, {
      hint: 'Add --yes to confirm it.',
    });
  }
  const line = await io.ask(`${what} This cannot be undone. Continue? [y/N] `);
  if (/^y(es)?$/i.test(line?.trim() ?? '')) return true;
  io.err('Nothing was done.');
  io.setExitCode(exitCodes.error);
  return false;
}

/**
 * Asks for the confirmation of what an apply with `--prune` would delete. `plan` returns the plans
 * of a dry run. Returns whether to go on.
 */
export async function confirmPrune(
  io: CliIo,
  { prune, dryRun, yes }: { prune?: true; dryRun?: true; yes?: true },
  plan: () => Promise<readonly Plan[]>,
): Promise<boolean> {
  if (!prune || dryRun || yes) return true;
  const gone = (await plan())
    .flatMap(({ objects }) => objects)
    .filter(({ action }) => action === 'delete')
    .map(({ kind, name }) => `${kind} ${name}`);
  return gone.length === 0 || confirm(io, `This deletes ${gone.join(', ')}.`, yes);
}

/** Runs `work` in a transaction. A dry run is rolled back. */
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
