import type { Command } from 'commander';
import type { CliIo } from '../output/output.ts';
import { type Api, connectCommand } from './connect-server.ts';
import { type CliDatabase, withDatabase } from './with-database.ts';

type DatabaseOptions = Parameters<typeof withDatabase>[2];

/** Runs an operation at the server that the command uses, else in the database. */
export async function onEither<T>(
  io: CliIo,
  command: Command,
  { tenant }: { tenant?: string | undefined },
  work: { server(api: Api): Promise<T>; database(database: CliDatabase): Promise<T> },
  options?: DatabaseOptions,
): Promise<T> {
  const api = await connectCommand(io, command, tenant);
  if (api === undefined) return withDatabase(io, work.database, options);
  try {
    return await work.server(api);
  } finally {
    api.leave();
  }
}
