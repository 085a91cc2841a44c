import type { Command } from 'commander';
import { connect, type HowdahClient } from '../../client/connect.ts';
import { HowdahError } from '../../contracts/errors.ts';
import type { CliIo } from '../output/output.ts';
import { resolveServer, type Server } from './profile-file.ts';

/** The `--api` option of commands that also work over REST. */
export const API_OPTION = [
  '--api <url>',
  'use the API of this server instead of a database (default: HOWDAH_API_URL, or the profile of howdah admin login)',
] as const;

/** A connection to the REST API of a server. `leave` ends the streams that are followed there. */
export type Api = HowdahClient & { leave(): void };

/** Returns the server that the command uses. Returns undefined if it uses the database. */
export async function serverOf(io: CliIo, command: Command): Promise<Server | undefined> {
  if (!isForServers(command)) return undefined;
  return resolveServer(io, command.optsWithGlobals<{ api?: string }>().api);
}

/**
 * Connects to the server that the command uses. Returns undefined if it uses the database. Throws
 * `EUSAGE` for a tenant on a server, because the key determines the tenant.
 */
export async function connectCommand(
  io: CliIo,
  command: Command,
  tenant: string | undefined,
): Promise<Api | undefined> {
  const server = await serverOf(io, command);
  if (server === undefined) return undefined;
  if (tenant !== undefined) throw tenantOnServer();
  return connectTo(server);
}

/** Throws `EUSAGE` if the command uses a server. `option` needs a database. */
export async function refuseApi(io: CliIo, command: Command, option: string): Promise<void> {
  if ((await serverOf(io, command)) === undefined) return;
  throw new HowdahError('EUSAGE', `${option} needs a database, not an API`, {
    hint: 'Name the database with --database-url.',
    detail: { field: option },
  });
}

/** Returns whether the command has the option `--api`. Any other command needs a database. */
function isForServers(command: Command): boolean {
  return command.options.some(({ long }) => long === '--api');
}

/** Creates a connection to a server. */
export function connectTo(server: Server): Api {
  const leaving = new AbortController();
  const { url, token } = server;
  const options = { signal: leaving.signal, ...(token !== undefined && { token }) };
  return { ...connect(url, options), leave: () => leaving.abort() };
}

function tenantOnServer(): HowdahError {
  return new HowdahError(
    'EUSAGE',
    '--tenant cannot be used with an API: the API key determines the tenant',
    {
      hint: 'Set HOWDAH_API_KEY to a key of that tenant, or omit --tenant.',
    },
  );
}
