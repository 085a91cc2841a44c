import type { Command } from 'commander';
import type { CliIo } from '../output/output.ts';
import type { Backend } from './backend.ts';
import { connectCommand } from './connect-server.ts';
import { createDatabaseBackend } from './database/database-backend.ts';
import { createServerBackend } from './server/server-backend.ts';
import { withDatabase } from './with-database.ts';

type BackendOptions = {
  tenant?: string | undefined;
  /** True if the command may write models. */
  writesModels?: boolean;
  /** True if the command creates the embedded database when there is none. */
  createsDatabase?: boolean;
};

/**
 * Runs `work` with the backend that the command uses, and closes the backend afterwards. Throws
 * `EUSAGE` for `--tenant` on a server.
 */
export async function withBackend<T>(
  io: CliIo,
  command: Command,
  { tenant, writesModels = false, createsDatabase = writesModels }: BackendOptions,
  work: (backend: Backend) => Promise<T>,
): Promise<T> {
  const api = await connectCommand(io, command, tenant);
  if (api === undefined) {
    return withDatabase(io, (database) => work(createDatabaseBackend(io, database, tenant)), {
      writesModels,
      createsDatabase,
    });
  }
  try {
    return await work(createServerBackend(api));
  } finally {
    api.leave();
  }
}
