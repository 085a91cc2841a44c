import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { exportUserData } from '../../db/users.ts';
import { withDatabase } from '../database.ts';
import type { CliIo } from '../output.ts';
import { TENANT_OPTION, tenantOf } from '../tenants.ts';
import { userOf } from '../users.ts';

/** `howdah export-user NAME`: everything about a person, one JSON document a line. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<name>', 'the user')
    .option(...TENANT_OPTION)
    .option('--out <file>', 'write it there instead of to stdout')
    .action(async (name: string, { tenant, out }: { tenant?: string; out?: string }) => {
      await withDatabase(io, async ({ db, pool }) => {
        const user = await userOf(db, await tenantOf(db, tenant), name);
        const text = (await exportUserData(pool, user.id)).join('\n');
        if (out === undefined) return io.out(text);
        await writeFile(out, `${text}\n`);
        io.err(`wrote ${out}`);
      });
    });
}
