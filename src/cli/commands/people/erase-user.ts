import { type Command, Option } from 'commander';
import { type ErasureMode, eraseUser } from '../../../db/queries/users.ts';
import { withDatabase } from '../../backend/with-database.ts';
import { confirm, DRY_RUN_OPTION, withDryRun, YES_OPTION } from '../../input/confirm-option.ts';
import { TENANT_OPTION, tenantOf } from '../../input/resolve-tenant.ts';
import { userOf } from '../../input/resolve-user.ts';
import { type CliIo, printJson } from '../../output/output.ts';

type EraseOptions = {
  tenant?: string;
  mode: ErasureMode;
  cancelLive?: boolean;
  dryRun?: boolean;
  yes?: boolean;
};

/** Registers `howdah admin users erase NAME`, which anonymises or deletes the data of a person. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<name>', 'name of the user')
    .option(...TENANT_OPTION)
    .addOption(
      new Option(
        '--mode <mode>',
        'anonymise: erase texts and keep figures; delete: delete whole runs',
      )
        .choices(['anonymise', 'delete'])
        .makeOptionMandatory(),
    )
    .option('--cancel-live', 'cancel live runs instead of failing')
    .option(...DRY_RUN_OPTION)
    .option(...YES_OPTION)
    .action(
      async (
        name: string,
        { tenant, mode, cancelLive = false, dryRun = false, yes }: EraseOptions,
      ) => {
        await withDatabase(io, async ({ db, pool }) => {
          const { id } = await userOf(db, await tenantOf(db, tenant), name);
          const what = mode === 'delete' ? 'deletes the runs' : 'erases the texts of runs';
          if (!dryRun && !(await confirm(io, `This ${what} of ${name}.`, yes))) return;
          const erased = await withDryRun(pool, dryRun, (client) =>
            eraseUser(client, { id, mode, cancelLive }),
          );
          if (io.json) return printJson(io, dryRun ? { dry_run: true, ...erased } : erased);
          const { files, mode: _, user_id, ...counts } = erased;
          for (const [what, count] of Object.entries(counts)) io.out(`${count} ${what}`);
          if (dryRun) return io.err('Dry run: nothing was done.');
          if (files.length > 0) io.err(`Workers will delete these files: ${files.join(', ')}`);
        });
      },
    );
}
