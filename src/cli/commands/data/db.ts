import type { Command } from 'commander';
import { requireDatabase } from '../../backend/with-database.ts';
import { type CliIo, printJson } from '../../output/output.ts';

/**
 * Registers `howdah db url | start | stop`: the embedded PostgreSQL, or the server of DATABASE_URL.
 */
export function register(command: Command, io: CliIo): void {
  command
    .command('url')
    .description(
      'print DATABASE_URL, or else the URL that connects as the owner of the embedded PostgreSQL, which is started if needed',
    )
    .action(() => url(io));
  command
    .command('start')
    .description('start the embedded PostgreSQL and leave it running')
    .action(() => start(io));
  command
    .command('stop')
    .description('stop the embedded PostgreSQL and keep its data')
    .action(() => stop(io));
}

async function url(io: CliIo): Promise<void> {
  const config = await io.config();
  if (config.isHomeOfUser) await requireDatabase(config);
  const address = config.databaseUrl ?? (await ensureStarted(io, config.home)).url;
  if (io.json) printJson(io, { url: address });
  else io.out(address);
}

async function start(io: CliIo): Promise<void> {
  const { databaseUrl, home } = await io.config();
  if (databaseUrl !== undefined) return notOurs(io, 'start');
  const { port, pid, adopted } = await ensureStarted(io, home);
  if (io.json) printJson(io, { embedded: true, port, pid, started: !adopted });
  else io.err(`PostgreSQL ${adopted ? 'was already running' : 'is running'} on 127.0.0.1:${port}.`);
}

async function stop(io: CliIo): Promise<void> {
  const { databaseUrl, home } = await io.config();
  if (databaseUrl !== undefined) return notOurs(io, 'stop');
  const { stopEmbedded } = await import('../../../db/embedded/embedded.ts');
  const stopped = await stopEmbedded(home);
  if (io.json) printJson(io, { embedded: true, stopped });
  else io.err(stopped ? 'PostgreSQL has stopped.' : 'PostgreSQL was not running.');
}

async function ensureStarted(io: CliIo, home: string) {
  const { startEmbedded } = await import('../../../db/embedded/embedded.ts');
  return startEmbedded({ home, log: io.err });
}

/**
 * Reports that DATABASE_URL names another server. This is not a failure, because scripts call start
 * and stop without knowing which database they use.
 */
function notOurs(io: CliIo, verb: string): void {
  if (io.json) printJson(io, { embedded: false });
  io.err(
    `DATABASE_URL names an external server, which this command does not ${verb}. Nothing was done.`,
  );
}
