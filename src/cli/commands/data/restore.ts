import type { Command } from 'commander';
import type { Config } from '../../../config.ts';
import { HowdahError } from '../../../contracts/errors.ts';
import { type RestoreRequest, restore } from '../../../db/backup/restore.ts';
import { isClusterCopy, restoreCopy } from '../../../db/backup/restore-copy.ts';
import { createPool } from '../../../db/connection/pool.ts';
import { knownMigrations } from '../../../db/schema/known-migrations.ts';
import { openChosenDatabase } from '../../backend/with-database.ts';
import { type RestoreReport, settleRestored } from '../../doctor/database/restored-database.ts';
import { printFindings } from '../../doctor/print-findings.ts';
import { exitCodes } from '../../output/exit-codes.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { interruption, PG_BIN_OPTION, programPlacesOf } from '../../process/pg-programs.ts';

type Options = { into?: string; paused?: true; pgBin?: string };

/**
 * Registers `howdah admin restore FILE`, which restores a backup into a database without Howdah,
 * and then checks all of it.
 */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<file>', 'file or folder written by howdah admin backup')
    .option('--into <url>', 'target database, without a Howdah schema (default: DATABASE_URL)')
    .option(
      '--paused',
      'pause runs, and disable schedules, webhooks and alert rules; use this when the original database is still in use',
    )
    .option(...PG_BIN_OPTION)
    .action(async (file: string, { into, paused, pgBin }: Options) => {
      const { migrateDatabase } = await import('../../../bootstrap.ts');
      const config = await io.config();
      const startedAt = performance.now();
      const request = { file, isPaused: paused === true, known: knownMigrations() };
      const places = programPlacesOf(config, pgBin);
      const { url, ...brought } = isClusterCopy(file)
        ? await restoreEmbeddedCopy(io, config, into, request)
        : await restoreFile(io, into, { ...request, places, signal: interruption(io) });
      io.err('The data is restored. Migrating the schema and checking the database.');
      const migrated = await migrateDatabase(url);
      const pool = createPool({ url, applicationName: 'howdah-restore', max: 2, numbers: true });
      const settled = await settleRestored(pool, config).finally(() => pool.end());
      const seconds = (performance.now() - startedAt) / 1000;
      report(io, { file, seconds, ...brought, migrated, paused: paused === true, ...settled });
    });
}

type CopyRequest = Pick<RestoreRequest, 'file' | 'isPaused' | 'known'>;

async function restoreFile(
  io: CliIo,
  into: string | undefined,
  request: Omit<RestoreRequest, 'url'>,
) {
  const url =
    into === undefined
      ? (await openChosenDatabase(io, { createsDatabase: true })).url
      : checkedUrl(into);
  return { url, ...(await restore({ ...request, url })) };
}

/** Restores a copy of an embedded database as the embedded database of this HOWDAH_HOME. */
async function restoreEmbeddedCopy(
  io: CliIo,
  { databaseUrl, home }: Config,
  into: string | undefined,
  { file, ...request }: CopyRequest,
) {
  if (into !== undefined || databaseUrl !== undefined) {
    throw new HowdahError('EUSAGE', 'a copy of an embedded database becomes an embedded database', {
      hint: 'Omit --into, and unset DATABASE_URL. HOWDAH_HOME names the folder of the new database.',
    });
  }
  return {
    ...(await restoreCopy({ ...request, folder: file, home, log: io.err })),
    pg_restore: null,
  };
}

function checkedUrl(into: string): string {
  if (/^postgres(ql)?:$/.test(URL.parse(into)?.protocol ?? '')) return into;
  throw new HowdahError('EUSAGE', '--into is not a PostgreSQL URL', {
    hint: 'Write it like DATABASE_URL: postgres://user:password@localhost:5432/empty_database',
  });
}

function report(io: CliIo, result: RestoreReport): void {
  if (io.json) printJson(io, result);
  else {
    for (const [name, count] of Object.entries(result.counts))
      io.out(`${name.padEnd(15)} ${count}`);
    printFindings(io, result.findings);
    io.err(`Restored in ${result.seconds.toFixed(1)} s. ${whatNow(result)}`);
  }
  if (result.findings.some(({ ok }) => !ok)) io.setExitCode(exitCodes.error);
}

function whatNow({ paused }: RestoreReport): string {
  return paused
    ? 'Live runs are paused. Schedules, webhooks and alert rules are disabled. Resume a run: howdah runs resume ID'
    : 'Runs continue as soon as a worker is started. If the original database is still in use, both act: see docs/backup.md.';
}
