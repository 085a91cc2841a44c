import type { Command } from 'commander';
import { showMe } from '../../../operations/administration/me.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { type CliIo, printJson, printTable } from '../../output/output.ts';

/** Registers `howdah whoami`, which shows who commands act as. */
export function register(command: Command, io: CliIo): void {
  command
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async ({ tenant }: { tenant?: string }, self: Command) => {
      const me = await withBackend(io, self, { tenant }, ({ call }) => call(showMe, {}));
      if (io.json) return printJson(io, me);
      const { permissions, scopes, ...who } = me;
      printTable(io, [{ ...who, scopes: scopes?.join(', ') ?? 'all of the role' }]);
      const may = permissions.filter((one) => !one.endsWith(':read'));
      io.err(may.length > 0 ? `May: ${may.join(', ')}` : 'May only read.');
    });
}
