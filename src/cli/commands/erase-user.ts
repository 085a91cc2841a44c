import { type Command, Option } from 'commander';
import { type ErasureMode, eraseUser } from '../../db/users.ts';
import { withDatabase } from '../database.ts';
import { type CliIo, printJson } from '../output.ts';
import { TENANT_OPTION, tenantOf } from '../tenants.ts';
import { userOf } from '../users.ts';

type EraseOptions = { tenant?: string; mode: ErasureMode; cancelLive?: boolean };

/** `howdah erase-user NAME`: a person's data, made nobody's or deleted. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<name>', 'the user')
    .option(...TENANT_OPTION)
    .addOption(
      new Option('--mode <mode>', 'erase what was said and keep figures, or delete runs whole')
        .choices(['anonymise', 'delete'])
        .makeOptionMandatory(),
    )
    .option('--cancel-live', 'end runs that are live, instead of refusing')
    .action(async (name: string, { tenant, mode, cancelLive = false }: EraseOptions) => {
      await withDatabase(io, async ({ db, pool }) => {
        const { id } = await userOf(db, await tenantOf(db, tenant), name);
        const erased = await eraseUser(pool, { id, mode, cancelLive });
        if (io.json) return printJson(io, erased);
        const { files, mode: _, user_id, ...counts } = erased;
        for (const [what, count] of Object.entries(counts)) io.out(`${count} ${what}`);
        if (files.length > 0) io.err(`Remove these files too: ${files.join(', ')}`);
      });
    });
}
