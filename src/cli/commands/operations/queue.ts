import type { Command } from 'commander';
import { showQueue } from '../../../operations/administration/queue.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { limit } from '../../input/run-filters.ts';
import { type CliIo, printJson, printTable } from '../../output/output.ts';
import { shortenRow } from '../../print/rows.ts';

type Options = { tenant?: string; next: number };

/** Registers `howdah admin queue`, which shows live runs by status, the next ones, and workers. */
export function register(command: Command, io: CliIo): void {
  command
    .option('--next <number>', 'maximum number of runs that are due next', limit, 10)
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async ({ tenant, next }: Options) => {
      const queue = await withBackend(io, command, { tenant }, ({ call }) =>
        call(showQueue, { query: { next } }),
      );
      if (io.json) return printJson(io, queue);
      printPart(io, 'Live runs', queue.states);
      printPart(io, 'Due next', queue.next);
      printPart(io, 'Workers', queue.workers);
      if (queue.workers.length === 0) {
        io.err('No worker takes runs of this tenant. Start one: howdah worker');
      }
    });
}

function printPart(io: CliIo, title: string, rows: readonly Readonly<Record<string, unknown>>[]) {
  io.out(`${title}: ${rows.length === 0 ? 'none' : ''}`.trimEnd());
  if (rows.length > 0)
    printTable(
      io,
      rows.map((row) => shortenRow(row)),
    );
  io.out('');
}
