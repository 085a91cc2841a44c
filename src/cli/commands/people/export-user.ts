import type { Command } from 'commander';
import { exportUserData } from '../../../db/queries/personal-data.ts';
import { withDatabase } from '../../backend/with-database.ts';
import { TENANT_OPTION, tenantOf } from '../../input/resolve-tenant.ts';
import { userOf } from '../../input/resolve-user.ts';
import type { CliIo } from '../../output/output.ts';
import { writeOutput } from '../../output/write-output.ts';

type Options = { tenant?: string; out?: string; redact?: boolean };

/**
 * Registers `howdah admin users export NAME`, which exports everything about a person, one JSON
 * document per line.
 */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<name>', 'name of the user')
    .option(...TENANT_OPTION)
    .option('--out <file>', 'file to write (default: stdout)')
    .option('--redact', 'replace text, arguments and results with [redacted]')
    .action(async (name: string, { tenant, out, redact }: Options) => {
      await withDatabase(io, async ({ db, pool }) => {
        const user = await userOf(db, await tenantOf(db, tenant), name);
        await writeOutput(io, (await exportUserData(pool, user.id, redact)).join('\n'), out);
      });
    });
}
