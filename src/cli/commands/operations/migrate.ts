import { Argument, type Command } from 'commander';
import { onConnection } from '../../../db/connection/pool.ts';
import { describeBackfill } from '../../../db/schema/backfills.ts';
import type { MigrationStatus } from '../../../db/schema/migrate.ts';
import { refuseNewer } from '../../../db/schema/schema-state.ts';
import { requireDatabase } from '../../backend/with-database.ts';
import { searchPathFinding } from '../../doctor/database/search-path.ts';
import { confirm, DRY_RUN_OPTION, YES_OPTION } from '../../input/confirm-option.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { withStartOptions } from '../../process/serve.ts';

type Options = { all?: true; wait?: number; dryRun?: true; yes?: true };

/** Registers `howdah migrate up | down | status`. */
export function register(command: Command, io: CliIo): void {
  withStartOptions(command)
    .addArgument(new Argument('[what]', 'action').choices(['up', 'down', 'status']).default('up'))
    .option('--all', 'with down: revert all migrations, not only the last one')
    .option(...DRY_RUN_OPTION)
    .option(...YES_OPTION)
    .action(async (what: 'up' | 'down' | 'status', options: Options) => {
      const { awaitDatabase, migrateDatabase } = await import('../../../bootstrap.ts');
      const { migrateDown, migrationStatus } = await import('../../../db/schema/migrate.ts');
      const config = await io.config();
      if (what !== 'up' || options.dryRun) await requireDatabase(config);
      const { url } = await awaitDatabase(config, io.err, options.wait);
      if (what === 'status') {
        const status = await migrationStatus(url);
        return io.json ? printJson(io, status) : printStatus(io, status);
      }
      const status = await migrationStatus(url);
      refuseNewer(status.newer);
      const planned = what === 'up' ? status.pending : downOf(status.applied, options.all);
      if (options.dryRun) return showPlanned(io, what, planned);
      if (what === 'down' && planned.length > 0) {
        const lost = options.all
          ? 'everything that belongs to Howdah in this database'
          : `what ${planned[0]} created`;
        if (!(await confirm(io, `This drops ${lost}, with its data.`, options.yes))) return;
      }
      const done =
        what === 'up' ? await migrateDatabase(url) : await migrateDown(url, options.all === true);
      if (what === 'up') await warnOfPath(io, url);
      if (io.json) {
        return printJson(io, { [what]: done });
      }
      for (const name of done) {
        io.out(`${what} ${name}`);
      }
      io.err(`${done.length} ${done.length === 1 ? 'migration' : 'migrations'} ${what}.`);
    });
}

/** Returns the last migration, or all migrations, the last one first. */
function downOf(applied: readonly string[], all = false): string[] {
  return applied.toReversed().slice(0, all ? undefined : 1);
}

function showPlanned(io: CliIo, what: 'up' | 'down', planned: readonly string[]): void {
  if (io.json) {
    printJson(io, { dry_run: true, [what]: planned });
    return;
  }
  for (const name of planned) io.out(`${what} ${name}`);
  io.err('Dry run: nothing was done.');
}

async function warnOfPath(io: CliIo, url: string): Promise<void> {
  const connection = { url, applicationName: 'howdah-migrate' };
  const { found, fix } = await onConnection(connection, searchPathFinding);
  if (fix) io.err(`Warning: ${found}. Fix: ${fix}`);
}

function printStatus(io: CliIo, status: MigrationStatus): void {
  for (const name of status.applied) {
    io.out(`${status.newer.includes(name) ? 'newer  ' : 'applied'} ${name}`);
  }
  for (const name of status.pending) {
    io.out(`pending ${name}`);
  }
  for (const backfill of status.backfills) {
    io.out(`filling ${describeBackfill(backfill)}`);
  }
  io.out(`sql     ${status.sql}`);
}
