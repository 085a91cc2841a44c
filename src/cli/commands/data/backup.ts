import type { Command } from 'commander';
import type { Config } from '../../../config.ts';
import { HowdahError } from '../../../contracts/errors.ts';
import { type BackupReport, backUp } from '../../../db/backup/backup.ts';
import { copyCluster } from '../../../db/backup/copy-cluster.ts';
import { createPool } from '../../../db/connection/pool.ts';
import { dataFolder } from '../../../db/embedded/embedded.ts';
import { refuseGuest, schemaState } from '../../../db/schema/schema-state.ts';
import { noSchema, openChosenDatabase } from '../../backend/with-database.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { interruption, PG_BIN_OPTION, programPlacesOf } from '../../process/pg-programs.ts';

type Options = { all?: true; copy?: true; pgBin?: string };

/**
 * Registers `howdah admin backup [FILE]`, which writes the installation to one file while it is in
 * use.
 */
export function register(command: Command, io: CliIo): void {
  command
    .argument('[file]', 'file to write (default: howdah-DATABASE-TIME.dump in this folder)')
    .option('--all', 'back up every schema of the database, not only those of Howdah')
    .option(
      '--copy',
      'copy the data folder of the embedded database instead of using pg_dump (default for the embedded database if there is no suitable pg_dump)',
    )
    .option(...PG_BIN_OPTION)
    .action(async (file: string | undefined, options: Options) => {
      const config = await io.config();
      const { url } = await openChosenDatabase(io);
      await refuseOther(url);
      const report = await backUpBy(io, config, url, file, options);
      if (io.json) return printJson(io, report);
      io.out(report.file);
      for (const line of reportLines(report)) io.err(line);
    });
}

/** Backs up by pg_dump. Copies the embedded database if there is no suitable pg_dump. */
async function backUpBy(
  io: CliIo,
  config: Config,
  url: string,
  file: string | undefined,
  { all, copy, pgBin }: Options,
): Promise<BackupReport> {
  const { databaseUrl, home } = config;
  const signal = interruption(io);
  const copyFolder = () =>
    copyCluster({ url, dataDir: dataFolder(home), folder: file ?? nameFor(url, 'copy'), signal });
  if (copy && databaseUrl !== undefined) throw notEmbedded();
  if (copy) return copyFolder();
  const places = programPlacesOf(config, pgBin);
  try {
    return await backUp({
      url,
      file: file ?? nameFor(url, 'dump'),
      isWhole: all === true,
      places,
      signal,
    });
  } catch (error) {
    if (!isProgramMissing(error) || databaseUrl !== undefined || pgBin !== undefined) throw error;
    io.err(`There is no suitable pg_dump, so the data folder is copied. ${error.message}.`);
    return copyFolder();
  }
}

/** Returns whether an error says that there is no suitable pg_dump, and not that it failed. */
function isProgramMissing(error: unknown): error is HowdahError {
  const isOfPostgres = error instanceof HowdahError && error.code === 'EPOSTGRES';
  return isOfPostgres && (error.detail as { needed?: number } | undefined)?.needed !== undefined;
}

function notEmbedded(): HowdahError {
  return new HowdahError(
    'EUSAGE',
    '--copy copies the embedded database, and DATABASE_URL names another',
    {
      hint: 'Omit --copy: pg_dump writes the file. Or use pg_basebackup: docs/backup.md.',
    },
  );
}

/**
 * Throws if the database has no schema, or if the login is a guest. Does not migrate the database,
 * because a backup is made before a newer release changes the schema.
 */
async function refuseOther(url: string): Promise<void> {
  const pool = createPool({ url, applicationName: 'howdah-backup', max: 1 });
  const state = await schemaState(pool).finally(() => pool.end());
  if (!state.isThere) throw noSchema(url);
  refuseGuest(state);
}

/** Returns a file name for the backup. Backups sorted by name are sorted by time. */
function nameFor(url: string, ending: 'dump' | 'copy'): string {
  const database = decodeURIComponent(new URL(url).pathname.slice(1)).replace(/[^\w.-]/g, '_');
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  return `howdah-${database}-${time}.${ending}`;
}

function reportLines({ bytes, seconds, server, live_runs, left_out }: BackupReport): string[] {
  const live = Object.entries(live_runs).map(([status, runs]) => `${runs} ${status}`);
  const { secret_keys, watched_tables, functions, files, logins } = left_out;
  const elsewhere = [
    secret_keys.length > 0
      ? `HOWDAH_SECRET_KEY (${secret_keys.join(', ')}), which is needed to decrypt secrets and encrypted contents: store it in another place`
      : '',
    files > 0 ? `${files} resource files in HOWDAH_HOME/resources: copy the folder` : '',
    watched_tables.length > 0
      ? `the watched tables ${watched_tables.join(', ')}: --all includes them`
      : '',
    functions.length > 0
      ? `the functions of tools ${functions.join(', ')}: --all includes them`
      : '',
    logins.length > 0 ? `the logins ${logins.join(', ')}: pg_dumpall --roles-only dumps them` : '',
  ].filter((line) => line !== '');
  return [
    `${(bytes / 1e6).toFixed(1)} MB in ${seconds.toFixed(1)} s, from PostgreSQL ${server}. Runs that continue after a restore: ${live.join(', ') || 'none'}.`,
    ...elsewhere.map((line) => `Not in the backup: ${line}.`),
  ];
}
