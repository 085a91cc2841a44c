import type { Command } from 'commander';
import { listViolations } from '../../../operations/administration/queue.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import type { CliIo } from '../../output/output.ts';
import { printRows } from '../../print/rows.ts';

/** Registers `howdah admin violations`, which lists broken promises of the engine. */
export function register(command: Command, io: CliIo): void {
  command
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async ({ tenant }: { tenant?: string }) => {
      const { data: items } = await withBackend(io, command, { tenant }, ({ call }) =>
        call(listViolations, {}),
      );
      printRows(io, { items, empty: 'There are no violations.' });
    });
}
