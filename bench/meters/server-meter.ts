import pg from 'pg';
import { treeCpuUs } from './cpu.ts';
import type { BenchDatabase, BenchServer } from '../server.ts';

/** CPU of the server, and a connection for the questions of a bench, whose CPU is not counted. */
export type ServerMeter = {
  client: pg.Client;
  /** Microseconds of all server processes so far; NaN where they cannot be measured. */
  cpuUs(): number;
  close(): Promise<void>;
};

export const NOT_MEASURED =
  'CPU of the server is not measured: that needs /proc and a server that this bench started';

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
    cpuUs: () => (postmaster && treeCpuUs(postmaster, [rows[0].pid])) ?? Number.NaN,
    close: () => client.end(),
  };
}
