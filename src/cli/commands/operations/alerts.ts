import type { Command } from 'commander';
import type { EnumLabel } from '../../../contracts/enum-labels.generated.ts';
import { listInstallationAlerts } from '../../../db/operations/operator-queries.ts';
import { useAlertRules } from '../../../operations/automation/alert-rules.ts';
import { alertRules } from '../../../resources/automation/alert-rules.ts';
import type { Row } from '../../backend/backend.ts';
import { API_OPTION, refuseApi } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { withDatabase } from '../../backend/with-database.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { resourceVerbs } from '../../nouns/resource-verbs.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import type { CliIo } from '../../output/output.ts';
import { printRows } from '../../print/rows.ts';

/** The places of the states in a list, those that need attention first. */
const PLACES: Record<EnumLabel<'alert_state'>, number> = {
  firing: 0,
  failed: 1,
  unknown: 2,
  clear: 3,
};

type Options = { tenant?: string; use?: boolean; webhook?: string; now?: boolean };

/**
 * Registers `howdah admin alerts [list | show | create | change | delete]`: queries that should
 * find nothing, and their results.
 */
export function register(command: Command, io: CliIo): void {
  const [list, ...others] = resourceVerbs(alertRules);
  withVerbs(command, io, [
    { name: 'list', summary: list?.summary ?? '', register: registerList },
    ...others,
  ]);
}

function registerList(command: Command, io: CliIo): void {
  command
    .option(...TENANT_OPTION)
    .option('--use', 'first create the standard alert rules')
    .option('--webhook <url>', 'with --use: the webhook that is notified of alerts')
    .option(
      '--now',
      'show the current alerts of the whole installation instead (owners of the database only)',
    )
    .option(...API_OPTION)
    .action(async ({ tenant, use, webhook, now }: Options, self: Command) => {
      if (now) return showInstallation(io, self);
      const { items, empty = '' } = await withBackend(io, self, { tenant }, async (backend) => {
        const body = webhook === undefined ? {} : { webhook };
        if (use) await backend.call(useAlertRules, { body });
        return backend.definitions.list(alertRules);
      });
      printRows(io, { items: items.map(stateOf).toSorted(byAttention), empty });
    });
}

async function showInstallation(io: CliIo, self: Command): Promise<void> {
  await refuseApi(io, self, '--now');
  await withDatabase(io, async ({ pool }) => {
    const items = await listInstallationAlerts(pool, { withPromises: true });
    printRows(io, { items, empty: 'There are no alerts: howdah.alerts is empty.' });
  });
}

/** Returns what a list shows of a rule. */
function stateOf(rule: Row): Row {
  const { name, state, found_rows, changed_at, interval_seconds, is_active, last_error } = rule;
  return { name, state, found_rows, since: changed_at, interval_seconds, is_active, last_error };
}

function byAttention(a: Row, b: Row): number {
  const place = ({ state }: Row) => PLACES[state as keyof typeof PLACES];
  return Number(b.is_active) - Number(a.is_active) || place(a) - place(b);
}
