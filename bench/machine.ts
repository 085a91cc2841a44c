import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import pg from 'pg';
import type { BenchServer } from './server.ts';

const SETTINGS = [
  'fsync',
  'synchronous_commit',
  'wal_sync_method',
  'shared_buffers',
  'max_wal_size',
];

/** Describes the machine in lines: time, cores, memory and load. */
export function describeHost(): string[] {
  const [load = 0] = loadavg();
  const model = cpus()[0]?.model.trim() || 'unknown processor';
  return [
    `${new Date().toISOString().slice(0, 16)}Z`,
    `${availableParallelism()} cores (${model}), ${Math.round(totalmem() / 2 ** 30)} GB, ${process.platform} ${process.arch}; load average at the start ${load.toFixed(2)}`,
  ];
}

/** Describes the conditions of a measurement in lines: the machine, versions and settings. */
export async function describeMachine({ url }: BenchServer): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query(
      `select current_setting('server_version') as version,
         (select string_agg(format('%s %s', name, current_setting(name)), ', ') from unnest($1::text[]) as name) as settings`,
      [SETTINGS],
    );
    return [
      ...describeHost(),
      `Node ${process.version}, PostgreSQL ${rows[0].version} (${rows[0].settings})`,
    ];
  } finally {
    await client.end();
  }
}
