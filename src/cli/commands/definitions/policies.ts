import { type Command, Option } from 'commander';
import { listPolicies, PRESETS, usePolicies } from '../../../db/access/tool-policies.ts';
import { withDatabase } from '../../backend/with-database.ts';
import { forTenant, TENANT_OPTION } from '../../input/resolve-tenant.ts';
import type { CliIo } from '../../output/output.ts';
import { printRows } from '../../print/rows.ts';

const NO_POLICIES =
  'There are no policies: tools are allowed no matter what a run has read. See docs/trust.md.';

/**
 * Registers `howdah admin policies [--use strict|none]`: the calls that are allowed to runs that
 * have read what others wrote.
 */
export function register(command: Command, io: CliIo): void {
  command
    .option(...TENANT_OPTION)
    .addOption(
      new Option(
        '--use <set>',
        'preset to apply: `strict` adds its policies, `none` removes them; other policies stay',
      ).choices([...PRESETS]),
    )
    .action(async ({ tenant, use }: { tenant?: string; use?: string }) => {
      await withDatabase(io, async (database) => {
        const items = await forTenant(database, tenant, async (client) => {
          await (use && usePolicies(client, use));
          return listPolicies(client);
        });
        printRows(io, { items, empty: NO_POLICIES });
      });
    });
}
