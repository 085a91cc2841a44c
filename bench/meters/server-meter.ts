import pg from 'pg';
import type { BenchDatabase, BenchServer } from '../server.ts';
import { readTreeCpuUs } from './cpu.ts';

/** A meter of the server's CPU. The CPU of `client`, by which a bench observes, is not counted. */
export type ServerMeter = {
  client: pg.Client;
  /** Returns the CPU of all server processes so far in microseconds, or NaN if it is unknown. */
  cpuUs(): number;
  close(): Promise<void>;
};

/** The line of progress if there is no figure of the server's CPU. */
export const SERVER_CPU_NOT_MEASURED =
  'CPU of the server is not measured, because that needs /proc and a server that the bench started';

/** Opens a meter, with a connection to the database. */
export async function openServerMeter(
  { postmaster }: Pick<BenchServer, 'postmaster'>,
  { url }: Pick<BenchDatabase, 'url'>,
): Promise<ServerMeter> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  const { rows } = await client.query('select pg_backend_pid() as pid');
  return {
    client,
    cpuUs: () => (postmaster && readTreeCpuUs(postmaster, [rows[0].pid])) ?? Number.NaN,
    close: () => client.end(),
  };
}
