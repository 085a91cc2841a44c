import { Argument, type Command } from 'commander';
import { createClient } from '../../db/pool.ts';
import { refuseNewer } from '../../db/schema-state.ts';
import { type CliIo, printJson } from '../output.ts';
import { searchPathFinding } from '../search-path.ts';
import { withStartOptions } from '../serve.ts';

/** `howdah migrate up | down | status`. */
export function register(command: Command, io: CliIo): void {
  withStartOptions(command)
    .addArgument(
      new Argument('[what]', 'what to do').choices(['up', 'down', 'status']).default('up'),
    )
    .option('--all', 'with down: everything, not only the last migration')
    .action(async (what: 'up' | 'down' | 'status', options: { all?: true; wait?: number }) => {
      const { awaitDatabase, migrateDatabase } = await import('../../bootstrap.ts');
      const { migrateDown, migrationStatus } = await import('../../db/migrate.ts');
      const config = await io.config();
      const { url } = await awaitDatabase(config, io.err, options.wait);
      if (what === 'status') {
        const status = await migrationStatus(url);
        return io.json ? printJson(io, status) : printStatus(io, status);
      }
      if (what === 'up') refuseNewer((await migrationStatus(url)).newer);
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

async function warnOfPath(io: CliIo, url: string): Promise<void> {
  const client = createClient({ url, applicationName: 'howdah-migrate' });
  await client.connect();
  const { found, fix } = await searchPathFinding(client).finally(() => client.end());
  if (fix) io.err(`Beware: ${found}. The fix: ${fix}`);
}

function printStatus(
  io: CliIo,
  status: { applied: string[]; pending: string[]; newer: string[]; sql: string },
): void {
  for (const name of status.applied) {
    io.out(`${status.newer.includes(name) ? 'newer  ' : 'applied'} ${name}`);
  }
  for (const name of status.pending) {
    io.out(`pending ${name}`);
  }
  io.out(`sql     ${status.sql}`);
}
