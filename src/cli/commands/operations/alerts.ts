import type { Command } from 'commander';
import { listAlerts, useAlerts } from '../../../db/operations/alerts.ts';
import { listInstallationAlerts } from '../../../db/operations/operator-queries.ts';
import { withDatabase } from '../../backend/with-database.ts';
import { forTenant, TENANT_OPTION } from '../../input/resolve-tenant.ts';
import type { CliIo } from '../../output/output.ts';
import { printRows } from '../../print/rows.ts';

const NO_RULES =
  'There are no alert rules. Create the standard rules: howdah admin alerts --use. See docs/observability.md.';

type Options = { tenant?: string; use?: boolean; webhook?: string; now?: boolean };

/**
 * Registers `howdah admin alerts [--use]`: queries that should find nothing, and their results.
 * `--now` shows what is wrong in the installation.
 */
export function register(command: Command, io: CliIo): void {
  command
    .option(...TENANT_OPTION)
    .option('--use', 'create the standard alert rules')
    .option('--webhook <id>', 'with --use: the webhook that is notified of alerts')
    .option(
      '--now',
      'show the current alerts of the whole installation instead (owners of the database only)',
    )
    .action(async ({ tenant, use, webhook, now }: Options) => {
      await withDatabase(io, async (database) => {
        if (now) {
          const items = await listInstallationAlerts(database.pool, { withPromises: true });
          return printRows(io, { items, empty: 'There are no alerts: howdah.alerts is empty.' });
        }
        const items = await forTenant(database, tenant, async (client) => {
          await (use && useAlerts(client, webhook));
          return listAlerts(client);
        });
        printRows(io, { items, empty: NO_RULES });
      });
    });
}
