import type { Command } from 'commander';
import { type AlertRule, listAlerts, useAlerts } from '../../db/operations/alerts.ts';
import { listInstallationAlerts } from '../../db/operations/operator-queries.ts';
import { withDatabase } from '../backend/database.ts';
import { forTenant, TENANT_OPTION } from '../input/resolve-tenant.ts';
import { type CliIo, printJson, printTable } from '../output/output.ts';

type Options = { tenant?: string; use?: boolean; webhook?: string; now?: boolean };

/**
 * Registers `howdah alerts [--use]`: queries that should find nothing, and their results. `--now`
 * shows what is wrong in the installation.
 */
export function register(command: Command, io: CliIo): void {
  command
    .option(...TENANT_OPTION)
    .option('--use', 'create the standard alert rules')
    .option('--webhook <id>', 'with --use: the webhook that is notified of alerts')
    .option('--now', 'show howdah.alerts for the whole installation (owners of the database only)')
    .action(async ({ tenant, use, webhook, now }: Options) => {
      await withDatabase(io, async (database) => {
        if (now) {
          return showFound(io, await listInstallationAlerts(database.pool, { withPromises: true }));
        }
        const rows = await forTenant(database, tenant, async (client) => {
          await (use && useAlerts(client, webhook));
          return listAlerts(client);
        });
        show(io, rows);
      });
    });
}

function showFound(io: CliIo, rows: Awaited<ReturnType<typeof listInstallationAlerts>>): void {
  if (io.json) {
    printJson(io, { items: rows });
    return;
  }
  printTable(io, rows);
  if (rows.length === 0) io.err('There are no alerts: howdah.alerts is empty.');
}

function show(io: CliIo, rows: AlertRule[]): void {
  if (io.json) {
    printJson(io, { items: rows });
    return;
  }
  printTable(io, rows);
  if (rows.length === 0) {
    io.err(
      'There are no alert rules. Create the standard rules: howdah alerts --use. See docs/observability.md.',
    );
  }
}
